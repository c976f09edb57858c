"""What becomes of nginx's directives here: which may be repeated, which have no effect, which are refused.

What is in none of these tables and has no reader either is refused.
"""

from __future__ import annotations

from container.front.config.nginx.values import words

__all__ = ["REFUSED", "REPEATABLE", "SPEAKS_HTTP_1", "why_without_effect"]

REPEATABLE = words(
    "access_log add_header allow break charset_types deny env error_log error_page fastcgi_param "
    "gzip_disable gzip_types if include index limit_conn limit_conn_zone limit_req limit_req_zone "
    "listen load_module location log_format map proxy_cache_path proxy_cookie_domain proxy_cookie_flags "
    "proxy_cookie_path proxy_hide_header proxy_ignore_headers proxy_pass_header proxy_redirect "
    "proxy_set_header return rewrite scgi_param server server_name set set_real_ip_from ssl_certificate "
    "ssl_certificate_key ssl_conf_command types upstream uwsgi_param"
)
"""All others are, written twice in one block, a duplicate."""

_ELSEWHERE = "the kernel, Python and the event loop see to it"
_FOR_ALL = "it counts in http { }, for all servers"
_OURS = "the front decides it by itself"
SPEAKS_HTTP_1 = "the front speaks HTTP/1.1"
_NO_MODULES = "modules of nginx are not loaded; what they would add is refused where it is used"
_NO_CACHE = "nothing is cached without proxy_cache"
_NO_GATEWAY = "it only counts together with a _pass directive, which is refused"

_WITHOUT_EFFECT = {
    _ELSEWHERE: "sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio "
    "directio_alignment output_buffers "
    "postpone_output gzip_buffers read_ahead send_lowat multi_accept accept_mutex accept_mutex_delay use "
    "thread_pool timer_resolution pcre_jit lock_file worker_aio_requests reset_timedout_connection "
    "worker_priority worker_cpu_affinity worker_rlimit_core working_directory debug_points debug_connection "
    "master_process connection_pool_size request_pool_size client_body_in_single_buffer "
    "client_body_in_file_only client_body_temp_path client_body_buffer_size subrequest_output_buffer_size "
    "open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid "
    "open_log_file_cache variables_hash_bucket_size variables_hash_max_size types_hash_bucket_size "
    "types_hash_max_size map_hash_bucket_size map_hash_max_size server_names_hash_bucket_size "
    "server_names_hash_max_size proxy_headers_hash_bucket_size proxy_headers_hash_max_size "
    "referer_hash_bucket_size referer_hash_max_size proxy_buffer_size proxy_buffers "
    "proxy_busy_buffers_size proxy_max_temp_file_size proxy_temp_file_write_size proxy_temp_path "
    "proxy_socket_keepalive proxy_send_lowat zone env",
    "its processes run as whoever starts the front: start it as that user (User= of systemd)": "user",
    "the front stays in the foreground, and `was status` finds it": "pid daemon",
    "--log says where the log goes": "error_log",
    _OURS: "worker_rlimit_nofile "
    "keepalive_time keepalive_disable lingering_close "
    "lingering_time lingering_timeout client_header_buffer_size "
    "chunked_transfer_encoding ignore_invalid_headers if_modified_since max_ranges msie_padding msie_refresh "
    "log_not_found log_subrequest rewrite_log uninitialized_variable_warn server_tokens resolver "
    "resolver_timeout proxy_ignore_client_abort proxy_force_ranges proxy_headers_hash_max_size "
    "ssl_buffer_size ssl_prefer_server_ciphers ssl_dhparam ssl_ecdh_curve "
    "ssl_session_cache ssl_session_tickets ssl_session_timeout ssl_session_ticket_key ssl_stapling "
    "ssl_stapling_file ssl_stapling_responder ssl_stapling_verify ssl_trusted_certificate ssl_early_data "
    "ssl_conf_command proxy_ssl_ciphers proxy_ssl_protocols proxy_ssl_session_reuse "
    "proxy_ssl_server_name proxy_ssl_name proxy_ssl_verify_depth proxy_ssl_trusted_certificate "
    "satisfy keepalive_min_timeout override_charset source_charset",
    _FOR_ALL: "client_header_timeout client_body_timeout send_timeout keepalive_timeout keepalive_requests "
    "large_client_header_buffers",
    SPEAKS_HTTP_1: "http2 http2_body_preread_size http2_chunk_size http2_idle_timeout "
    "http2_max_concurrent_pushes http2_max_concurrent_streams http2_max_field_size http2_max_header_size "
    "http2_max_requests http2_push "
    "http2_push_preload http2_recv_buffer_size http2_recv_timeout http3 quic_retry",
    "answers that a backend has compressed stay so": "gunzip gunzip_buffers",
    _NO_MODULES: "load_module",
    "there are no listings; /folder/ without an index is answered 403": "autoindex_exact_size "
    "autoindex_format autoindex_localtime",
    _NO_CACHE: "proxy_cache_path proxy_cache_key proxy_cache_valid proxy_cache_bypass proxy_cache_lock "
    "proxy_cache_lock_age proxy_cache_lock_timeout proxy_cache_methods proxy_cache_min_uses "
    "proxy_cache_revalidate proxy_cache_use_stale proxy_cache_background_update proxy_no_cache",
    "it only counts with limit_req or limit_conn, which are refused": "limit_req_zone limit_req_status "
    "limit_req_log_level limit_conn_zone limit_conn_status limit_conn_log_level",
}  # fmt: skip
_WHY = {name: reason for reason, names in _WITHOUT_EFFECT.items() for name in names.split()}
_GATEWAYS = ("fastcgi_", "uwsgi_", "scgi_", "grpc_", "memcached_")
_WHERE_THE_APP_DOES = "Leave it to the web app, or keep nginx in front of this front for it"


def why_without_effect(name: str) -> str | None:
    """Why a directive that is known changes nothing here; None for one that does, or that is refused."""
    if name.startswith(_GATEWAYS) and not name.endswith("_pass") and name != "scgi_pass":
        return _NO_GATEWAY
    return _WHY.get(name)


REFUSED = {
    "fastcgi_pass": "Let the program speak HTTP and use proxy_pass",
    "uwsgi_pass": "Start the application with an HTTP port and use proxy_pass",
    "scgi_pass": "Let the program speak HTTP and use proxy_pass",
    "grpc_pass": "gRPC needs HTTP/2, which this front does not speak",
    "memcached_pass": _WHERE_THE_APP_DOES,
    "auth_basic": "Declare a <security-constraint> in web.xml, or keep nginx in front of this front for it",
    "auth_basic_user_file": "Declare a <security-constraint> in web.xml",
    "auth_request": _WHERE_THE_APP_DOES,
    "auth_jwt": _WHERE_THE_APP_DOES,
    "secure_link": _WHERE_THE_APP_DOES,
    "valid_referers": "Use map $http_referer and if",
    "limit_except": "Use if ($request_method !~ ^(GET|HEAD)$) { return 403; }",
    "limit_req": "The RateLimitFilter of a web app limits requests",
    "limit_conn": "The RateLimitFilter of a web app limits requests",
    "limit_rate": "Remove it, or keep nginx in front of this front for it",
    "limit_rate_after": "Remove it, or keep nginx in front of this front for it",
    "proxy_store": "Remove it",
    "proxy_set_body": "Leave the body to the client",
    "proxy_bind": "Remove it: the system chooses the address",
    "proxy_ssl_certificate": "Use a backend that does not ask for a certificate",
    "ssl_verify_client": "Keep nginx in front of this front for it",
    "ssl_client_certificate": "Keep nginx in front of this front for it",
    "ssl": "Write listen PORT ssl, as nginx asks for since 1.15",
    "sub_filter": _WHERE_THE_APP_DOES,
    "add_before_body": _WHERE_THE_APP_DOES,
    "add_after_body": _WHERE_THE_APP_DOES,
    "add_trailer": _WHERE_THE_APP_DOES,
    "ssi": _WHERE_THE_APP_DOES,
    "mirror": "Remove it, or keep nginx in front of this front for it",
    "set_real_ip_from": "Name the proxies in was.toml (trusted-proxies)",
    "real_ip_header": "Name the proxies in was.toml (trusted-proxies)",
    "real_ip_recursive": "Name the proxies in was.toml (trusted-proxies)",
    "dav_methods": "Let a web app take uploads",
    "stub_status": "`was status` shows what the front does",
    "random_index": "Remove it",
    "disable_symlinks": "Links that leave the document root are never followed: remove the directive",
    "geo": "Use map, or allow and deny",
    "split_clients": "Give the servers of an upstream weights",
    "stream": "Only HTTP is forwarded: keep nginx or HAProxy for this part",
    "mail": "Only HTTP is forwarded: keep nginx for this part",
    "perl": _WHERE_THE_APP_DOES,
    "js_content": _WHERE_THE_APP_DOES,
}
"""What would change answers, or who may see them, and is not done here; and what to do instead."""
