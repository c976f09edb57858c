"""The page /xray: requests as they come, and one of them as a timeline.

    /xray/requests.json?most=100      summaries, the newest first
    /xray/requests/ID.json, ID.txt    one record
    /xray/export.json                 all of them, to be saved

pages/site.py answers for it.
"""

from __future__ import annotations

from importlib.resources import files

from container.learn.pages import Data, Tab, Values
from container.learn.xray.recorder import KEPT, Recorder

__all__ = ["xray_tab"]

_SHOWN = 100
_ONE = "requests/"


def xray_tab(recorder: Recorder) -> Tab:
    def answer(path: str, query: Values) -> Data | None:
        if path == "requests.json":
            most = query.get("most", "")
            count = min(max(int(most), 1), KEPT) if most.isdecimal() else _SHOWN
            found = recorder.newest(count)
            return Data({"kept": KEPT, "requests": [record.summary() for record in found]})
        if path == "export.json":
            everything = [record.to_json() for record in recorder.records]
            return Data({"requests": everything}, filename="xray.json")
        if path.startswith(_ONE):
            id, _, kind = path.removeprefix(_ONE).rpartition(".")
            record = recorder.find(id)
            if record is not None and kind == "json":
                return Data(record.to_json())
            if record is not None and kind == "txt":
                return Data(record.to_text() + "\n", is_text=True)
        return None

    return Tab("/xray", "xray", files("container.learn.xray") / "static", answer)
