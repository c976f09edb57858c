"""nginx's configuration, as people know it: files ──> Config ──> NginxSite; conf.py says how."""
