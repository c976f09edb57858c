"""Record what Tomcat answers to the cases: answers.json. Needs Tomcat 10.1 and a JDK.

    apt install tomcat10 openjdk-17-jdk-headless
    python tests/conformance/tomcat/record.py

CATALINA_HOME and SERVLET_API_JAR say where they are if not where Debian puts them. The Tomcat listens on
127.0.0.1 on a free port, in a temporary folder, and ends with this program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from answers import ask, name_of
from cases import CASES

HERE = Path(__file__).parent
HOME = Path(os.environ.get("CATALINA_HOME", "/usr/share/tomcat10"))
JAR = os.environ.get("SERVLET_API_JAR", "/usr/share/java/tomcat10-servlet-api.jar")
START_LIMIT_S = 60
SERVER_XML = """<Server port="-1">
  <GlobalNamingResources>
    <Resource name="users" auth="Container" type="org.apache.catalina.UserDatabase"
              factory="org.apache.catalina.users.MemoryUserDatabaseFactory" pathname="conf/tomcat-users.xml"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="0" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="users"/>
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
"""


def make_base(base: Path) -> None:
    """Lay out what CATALINA_BASE needs, with the web apps and their compiled classes."""
    for name in ("logs", "temp", "work"):
        (base / name).mkdir()
    shutil.copytree(HOME / "etc", base / "conf")
    web_xml = base / "conf/web.xml"
    text = re.sub(
        r"<(re(?:quest|sponse)-character-encoding)>.*?</\1>", "", web_xml.read_text(encoding="utf-8")
    )
    web_xml.write_text(
        text, encoding="utf-8"
    )  # Tomcat's own default is UTF-8, the specification's ISO-8859-1
    shutil.copytree(HERE / "webapps", base / "webapps")
    shutil.copy(HERE / "tomcat-users.xml", base / "conf")
    (base / "conf/server.xml").write_text(SERVER_XML, encoding="utf-8")
    classes = base / "classes"
    sources = [str(HERE / "Show.java"), str(HERE / "Mark.java")]
    subprocess.run(["javac", "-cp", JAR, "-d", str(classes), *sources], check=True)
    for webapp in (base / "webapps").iterdir():
        shutil.copytree(classes, webapp / "WEB-INF/classes")


def wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        said = log.read_text(errors="replace")
        if "Server startup in" in said and (
            port := re.search(r'"http-nio-127\.0\.0\.1-auto-\d+-(\d+)"', said)
        ):
            return int(port[1])
        time.sleep(0.2)
    sys.exit(f"Tomcat has not started:\n{log.read_text(errors='replace')}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="record-") as name:
        base = Path(name)
        make_base(base)
        log = base / "output"
        folders = {
            "CATALINA_HOME": str(HOME),
            "CATALINA_BASE": name,
            "CATALINA_TMPDIR": f"{name}/temp",
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(HOME / "bin/catalina.sh"), "run"],
                env={**os.environ, **folders},
                stdout=output,
                stderr=output,
            )
        try:
            port = wait_for_port(process, log)
            answers = {name_of(case): ask(port, case) for case in CASES}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (HERE / "answers.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(answers)} answers recorded")


if __name__ == "__main__":
    main()
