"""Apache's and mod_jk's configuration, as people know it: files ──> Httpd ──> HttpdSite; conf.py says how."""
