"""The groups that a configuration describes, each made once and shared by all that pass requests on to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from container.front.balancer import Balancer
from container.front.config.apache.model import Httpd, ProxyPass
from container.front.config.apache.modjk import AjpWorker, LbWorker
from container.front.config.apache.mounts import Extensions
from container.front.config.apache.proxy import ProxyBackend, make_group
from container.front.config.mistakes import Mistakes
from container.front.jk import Activation, LbRule, LoadBalancer, single

__all__ = ["Groups"]


class Groups:
    """jk: those of workers, by name. proxies: those of ProxyPass, as far as servers have asked for them."""

    def __init__(self, config: Httpd, mistakes: Mistakes) -> None:
        self._config = config
        self._mistakes = mistakes
        self.jk: dict[str, LoadBalancer] = {}
        self.proxies: dict[str, ProxyBackend] = {}
        self._views: dict[tuple[str, Extensions], LoadBalancer] = {}
        for name, worker in (config.workers.mounted if config.workers else {}).items():
            if isinstance(worker, LbWorker):
                self.jk[name] = LoadBalancer(worker.config)
            elif isinstance(worker, AjpWorker):
                self.jk[name] = single(worker.config)

    @property
    def all(self) -> Sequence[Balancer]:
        return [*self.jk.values(), *(each.group for each in self.proxies.values())]

    def jk_view(self, name: str, extensions: Extensions) -> LoadBalancer:
        """The group of a worker, seen through the extensions of a rule."""
        group = self.jk[name]
        changed = extensions.active | extensions.disabled | extensions.stopped
        if not changed and extensions.fail_on_status is None:
            return group
        key = (name, extensions)
        if key not in self._views:
            activation = dict.fromkeys(extensions.active, Activation.ACTIVE)
            activation |= dict.fromkeys(extensions.disabled, Activation.DISABLED)
            activation |= dict.fromkeys(extensions.stopped, Activation.STOPPED)
            self._views[key] = group.with_rule(LbRule(extensions.fail_on_status, activation))
        return self._views[key]

    def proxy_backend(self, rule: ProxyPass, timeout_s: float) -> ProxyBackend:
        """What a ProxyPass leads to; rules with the same URL and parameters share their state."""
        key = f"{rule.url} {sorted(rule.options.items())}"
        if (rule.url or "").lower().startswith("balancer://"):
            key = (rule.url or "").lower().split("/")[2]
        made = make_group(rule, self._config.balances, timeout_s, self._mistakes)
        if known := self.proxies.get(key):
            return replace(made, group=known.group)
        self.proxies[key] = made
        return made
