"""The hello of gunicorn + Flask."""

from flask import Flask, Response

application = Flask(__name__)


@application.get("/hello")
def hello() -> Response:
    return Response("Hello, World!", content_type="text/plain")
