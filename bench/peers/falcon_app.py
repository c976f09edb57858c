"""The hello of Granian + Falcon."""

import falcon


class Hello:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/plain"
        response.text = "Hello, World!"


application = falcon.App()
application.add_route("/hello", Hello())
