"""The X-ray: the life of each request, step by step, in µs.

    connectors/traced.py, front/traced.py, engine/traced.py ── spans ──> Recorder ──> Record
    another process: its Recorder ── Sender ──> Unix socket ── Collector ──> the Recorder of the page
    browser <── page.py <── Recorder

    recorder = Recorder()
    container = Container(settings, tracer=recorder)     # before anything is deployed
    ...
    print(recorder.records[-1].to_text())

What records is put around the parts when a server or a web app starts, and is not there where it is off.
"""

from container.learn.xray.recorder import Record, Recorder

__all__ = ["Record", "Recorder"]
