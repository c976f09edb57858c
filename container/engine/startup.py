"""The start of a web app, step by step (Servlet 6.1, §8.2.4 and §10.12).

    initializers ──> listeners made ──> contextInitialized ──> frozen ──> filters ──> load-on-startup

All of it calls application code. What that raises, of whatever kind, becomes a Problem that names the place
which declares the component.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from container.engine.deployment import ListenerDeclaration
from container.engine.initializers import call_initializers, of_web_app
from container.engine.injection import Injection
from container.engine.loader import ClassNotFound
from container.engine.scanner import Effective
from container.errors import DeploymentError, Problem, Source
from container.filters.parameters import BadParameter
from container.servlet import ServletContext, ServletContextListener, ServletException

if TYPE_CHECKING:
    from container.engine.context import Context

__all__ = ["bring_up", "look_over"]

T = TypeVar("T")

log = logging.getLogger("container.engine")


def bring_up(context: Context, declared: Effective, *, strict: bool) -> None:
    """Take every step (DD-DEP-01), or raise DeploymentError. strict: see Context.start."""
    _prepare_injection(context)
    _call_initializers(context, declared)
    _create_listeners(context)
    _initialize_listeners(context)
    context.freeze()
    for holder in context.filters.values():
        guard(context, holder.declaration.source, f"filter {holder.name}", holder.load)
    _load_on_startup(context, strict)


def look_over(context: Context) -> None:
    """Load the classes and make the tables, as bring_up does, but no instance (Context.examine)."""
    _prepare_injection(context)
    for listener in context.deployment.listeners:
        load = partial(_load_listener, context, listener)
        guard(context, listener.source, f"listener {listener.shown}", load)
    context.freeze()
    for holder in context.filters.values():
        declaration = holder.declaration
        guard(context, declaration.source, f"filter {holder.name}", partial(context.class_of, declaration))


def _prepare_injection(context: Context) -> None:
    context.injection = Injection(context.web_app, context.loader)
    context.problems += context.injection.problems
    if errors := [problem for problem in context.injection.problems if problem.severity == "error"]:
        raise DeploymentError(errors)


def guard(context: Context, source: Source | None, what: str, call: Callable[[], T]) -> T:
    """Take one step; what it raises becomes a problem with the place in the descriptor."""
    try:
        return call()
    except DeploymentError:
        raise
    except ClassNotFound as error:
        raise _class_not_found(source, what, error) from error
    except BadParameter as error:
        raise DeploymentError(
            [Problem(source, f"{what}: {error.problem}", error.cure, code="WAS314")]
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # application code, whose sys.exit() must not end the container
        cause = error.getRootCause() if isinstance(error, ServletException) else None
        if isinstance(cause, ClassNotFound):
            raise _class_not_found(source, what, cause) from error
        log.exception("%s: %s failed", context, what)
        message = f"{what} failed: {type(error).__name__}: {error}".rstrip(".")
        raise DeploymentError(
            [Problem(source, message, "The traceback is in the log.", code="WAS310")]
        ) from error


def _class_not_found(source: Source | None, what: str, error: ClassNotFound) -> DeploymentError:
    return DeploymentError([Problem(source, f"{what}: {error.reason}", error.cure, code="WAS301")])


def _call_initializers(context: Context, declared: Effective) -> None:
    if declared.ordered_libraries is not None:
        context.facade.setAttribute(ServletContext.ORDERED_LIBS, list(declared.ordered_libraries))
    named = [*context.container.environment_initializers(), *of_web_app(declared.archives)]
    if named:
        call_initializers(context, named, declared.archives, partial(guard, context))


def _create_listeners(context: Context) -> None:
    """All of them, declared ones first, before the first event (RT-LST-02, DD-LST)."""
    context.listeners.complete = True
    known: set[type] = set()
    for declaration in context.deployment.listeners:
        name = declaration.shown
        if declaration.instance is None:
            make = partial(_create_listener, context, declaration, known)
            declaration.instance = guard(context, declaration.source, f"listener {name}", make)
            if declaration.instance is None:
                continue
        if not context.listeners.add(declaration.instance):
            message = f"{name} implements no listener interface"
            cure = "Derive it from ServletContextListener or another listener type."
            context.problems.append(Problem(declaration.source, message, cure, "warning", code="WAS307"))


def _create_listener(context: Context, declaration: ListenerDeclaration, known: set[type]) -> Any:
    """None for a class that another name has declared before (DD-LST-03)."""
    found = _load_listener(context, declaration)
    if found in known:
        return None
    known.add(found)
    listener = found()
    context.injection.begin(listener)
    return listener


def _load_listener(context: Context, declaration: ListenerDeclaration) -> type[Any]:
    declaration.listener_class = found = context.loader.load_class(declaration.class_name or "")
    return found


def _initialize_listeners(context: Context) -> None:
    """Call contextInitialized in order; the first failure ends the start (DD-ERR-21)."""
    for declaration in list(context.deployment.listeners):
        listener: Any = declaration.instance
        if isinstance(listener, ServletContextListener):
            with context.facade.restricted() if declaration.added else nullcontext():
                call = partial(context.listeners.context_initialized, listener, context.facade)
                guard(context, declaration.source, f"contextInitialized of {declaration.shown}", call)


def _load_on_startup(context: Context, strict: bool) -> None:
    """Initialise in ascending order; a failure keeps only that servlet out of service (DD-ERR-23)."""
    eager = [h for h in context.servlets.values() if h.declaration.load_on_startup >= 0]
    for holder in sorted(eager, key=lambda h: h.declaration.load_on_startup):
        try:
            holder.load()
        except KeyboardInterrupt:
            raise
        except BadParameter as error:
            source, words = holder.declaration.source, f"servlet {holder.name}: {error.problem}"
            if strict:
                raise DeploymentError([Problem(source, words, error.cure, code="WAS314")]) from error
            context.problems.append(Problem(source, words, error.cure, "warning", code="WAS314"))
        except BaseException as error:  # init is application code, a sys.exit() in it, too
            source = holder.declaration.source
            log.exception("%s: servlet %s does not start", context, holder.name)
            message = f"servlet {holder.name} does not start: {type(error).__name__}: {error}".rstrip(".")
            if strict:
                raise DeploymentError([Problem(source, message, "See the log.", code="WAS310")]) from error
            cure = "The others run; requests to it try again."
            context.problems.append(Problem(source, message, cure, "warning", code="WAS310"))
