"""Directives of Apache that a configuration may have without harm, and those that would change its meaning.

KNOWN: name -> why it has no effect here; `was check` lists them. REFUSED: name -> the cure; leaving such a
directive out silently would let somebody in, or show what should not be seen. MPM: the settings of process
models, kept by their names.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["KNOWN", "MPM", "REFUSED"]

_RUN = "how the program runs is said where it is started"
_LISTING = "folders are not listed"
_ONE_FORM = "answers are not chosen by language or encoding"
_FILTER = "answers are passed on as they are"
_LOGIN = "without Require valid-user nobody is asked for a login; those are refused"
_TLS = "TLS has secure defaults, and certificates are loaded again when they change"
_STATUS = "`was status` shows what goes on"
_CACHE = "answers are not kept"
_FILES = "files are sent the fastest way there is"
_PROXY = "connections to backends are pooled, and their answers are passed on as they come"
_JK = "the container is told what AJP has a place for"
_PAGES = "the pages of errors are the front's own"
_CGI = "programs are not run"

_REASONS: Mapping[str, str] = {
    "DefaultRuntimeDir PidFile User Group Mutex CoreDumpDirectory ServerAdmin "
    "HostnameLookups EnableExceptionHook MaxMemFree ReceiveBufferSize SendBufferSize "
    "ExtendedStatus AcceptMutex LockFile UseCanonicalName "
    "UseCanonicalPhysicalPort NameVirtualHost ScoreBoardFile ThreadStackSize "
    "AsyncRequestWorkerFactor Protocols ProtocolsHonorOrder SeeRequestTail Regexdefaultoptions "
    "AcceptFilter HttpProtocolOptions StrictHostCheck MergeSlashes MergeTrailers": _RUN,
    "ErrorLog": "--log says where the log goes",
    "ErrorLogFormat LogIOTrackTTFB ForensicLog JkLogStampFormat JkRequestLogFormat GlobalLog "
    "BufferedLogs": "logs have the front's own form",
    "AccessFileName AllowOverrideList": ".htaccess files are not read",
    "IndexOptions AddIcon AddIconByEncoding AddIconByType DefaultIcon ReadmeName HeaderName "
    "IndexIgnore AddAlt AddAltByEncoding AddAltByType AddDescription IndexOrderDefault "
    "IndexStyleSheet IndexHeadInsert IndexIgnoreReset": _LISTING,
    "AddLanguage AddCharset AddEncoding RemoveType RemoveEncoding RemoveCharset RemoveLanguage "
    "RemoveHandler LanguagePriority ForceLanguagePriority CacheNegotiatedDocs DefaultLanguage "
    "MultiviewsMatch DefaultType MIMEMagicFile ModMimeUsePathInfo AddInputFilter "
    "RemoveInputFilter RemoveOutputFilter": _ONE_FORM,
    "AddOutputFilter AddOutputFilterByType SetOutputFilter SetInputFilter DeflateCompressionLevel "
    "DeflateFilterNote DeflateMemLevel DeflateWindowSize DeflateBufferSize "
    "BrotliCompressionQuality BrotliFilterNote FilterDeclare FilterProvider FilterChain "
    "FilterProtocol ProxyHTMLLinks ProxyHTMLEvents ProxyHTMLEnable ProxyHTMLExtended": _FILTER,
    "AuthType AuthName AuthUserFile AuthGroupFile AuthBasicProvider AuthDigestProvider "
    "AuthBasicAuthoritative AuthMerging": _LOGIN,
    "SSLRandomSeed SSLPassPhraseDialog SSLSessionCache SSLSessionCacheTimeout SSLCipherSuite "
    "SSLProtocol SSLSessionTickets SSLHonorCipherOrder SSLCompression SSLOptions SSLUseStapling "
    "SSLStaplingCache SSLCryptoDevice SSLOpenSSLConfCmd SSLCertificateChainFile "
    "SSLCACertificateFile SSLStrictSNIVHostCheck": _TLS,
    "ProxyStatus BalancerPersist BalancerInherit": _STATUS,
    "CacheRoot CacheDirLevels CacheDirLength CacheMaxFileSize CacheMinFileSize": _CACHE,
    "EnableSendfile EnableMMAP FileETag MaxRanges MaxRangeOverlaps MaxRangeReversals "
    "CheckCaseOnly CheckSpelling": _FILES,
    "ProxyVia ProxyIOBufferSize ProxyReceiveBufferSize ProxyMaxForwards ProxyBadHeader "
    "ProxyFtpDirCharset BalancerGrowth SSLProxyEngine SSLProxyVerify SSLProxyCheckPeerName "
    "SSLProxyCheckPeerCN ProxyStatus SSLProxyCheckPeerExpire": _PROXY,
    "JkExtractSSL JkHTTPSIndicator JkCERTSIndicator JkCIPHERIndicator JkSESSIONIndicator "
    "JkKEYSIZEIndicator JkCERTCHAINPrefix JkSSLPROTOCOLIndicator JkIgnoreCLIndicator "
    "JkLocalAddrIndicator "
    "JkRequestIdIndicator": _JK,
    "ScriptSock CGIDScriptTimeout ScriptLog ScriptInterpreterSource SuexecUserGroup Action Script "
    "DAVLockDB UserDir": _CGI,
    "RequestReadTimeout": "a request's head and body have a time limit of their own",
    "RewriteEngine RewriteOptions RewriteBase": "without RewriteRule, which is refused, it does nothing",
    "LogLevel": _RUN,
    "ServerTokens ServerSignature ContentDigest": _PAGES,
    "TraceEnable": "TRACE is refused in any case",
}

KNOWN: Mapping[str, str] = {
    name.lower(): reason for names, reason in _REASONS.items() for name in names.split()
}

_REWRITE = "Say it with Redirect, RedirectMatch, Alias, JkMount or ProxyPass."
_EXPRESSION = "Expressions are not read; say it with <Location>, SetEnvIf or Require env."
_METHODS = "Say it with Require method inside <RequireAny> or <RequireAll>."

REFUSED: Mapping[str, str] = {
    "rewriterule": _REWRITE,
    "rewritecond": _REWRITE,
    "rewritemap": _REWRITE,
    "if": _EXPRESSION,
    "elseif": _EXPRESSION,
    "else": _EXPRESSION,
    "limit": _METHODS,
    "limitexcept": _METHODS,
    "macro": "Write out what it stands for.",
    "use": "Write out what the macro stands for.",
    "proxymatch": "Put access rules into a <LocationMatch>.",
    "remoteipheader": "Trusted proxies are a setting of the front's own.",
    "sslverifyclient": "Client certificates are not asked for.",
    "sslrequiressl": "Redirect to https in the VirtualHost of port 80.",
    "virtualdocumentroot": "Write one VirtualHost for each host.",
    "fallbackresource": "Say it with JkMount or ProxyPass.",
    "proxyblock": "There is no forward proxy here.",
    "setenvifexpr": "Expressions are not read; say it with SetEnvIf.",
    "expiresactive": 'Say it with Header set Cache-Control "max-age=...".',
    "expiresbytype": 'Say it with Header set Cache-Control "max-age=..." in a <FilesMatch>.',
    "expiresdefault": 'Say it with Header set Cache-Control "max-age=...".',
    "proxyhctemplate": "Write hcmethod, hcinterval, hcpasses, hcfails and hcuri at each BalancerMember.",
    "proxyhcexpr": "Remove it: statuses from 200 to 399 are good.",
    "proxypassreversecookiepath": "Let the container set the cookie's path.",
    "proxypassreversecookiedomain": "Let the container set the cookie's domain.",
    "loadfile": "Remove it: libraries are not loaded.",
}  # fmt: skip

MPM: Mapping[str, str] = {
    name.lower(): name
    for name in (
        "StartServers", "MinSpareServers", "MaxSpareServers", "MinSpareThreads", "MaxSpareThreads",
        "ServerLimit", "ThreadLimit", "ThreadsPerChild", "MaxRequestWorkers", "MaxConnectionsPerChild",
        "ListenBacklog", "GracefulShutdownTimeout",
    )
} | {"maxclients": "MaxRequestWorkers", "maxrequestsperchild": "MaxConnectionsPerChild"}  # fmt: skip
