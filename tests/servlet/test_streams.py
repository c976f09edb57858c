"""The convenience methods of the streams, on top of the primitive ones."""

from __future__ import annotations

import pytest

from container.servlet import (
    CharConversionException,
    IllegalStateException,
    NullPointerException,
    PrintWriter,
    ReadListener,
    ServletInputStream,
    ServletOutputStream,
    WriteListener,
)


class Input(ServletInputStream):
    """Gives data in pieces of at most piece bytes, as a network does."""

    def __init__(self, data: bytes, piece: int = 3):
        self.data, self.piece, self.closed = data, piece, False

    def _read(self, size):
        size = len(self.data) if size < 0 else min(size, self.piece)
        data, self.data = self.data[:size], self.data[size:]
        return data

    def isFinished(self):
        return not self.data

    def close(self):
        self.closed = True


class Output(ServletOutputStream):
    def __init__(self):
        self.data, self.closed = b"", False

    def write(self, data):
        self.data += bytes([data]) if isinstance(data, int) else bytes(data)
        return 1 if isinstance(data, int) else len(data)

    def close(self):
        self.closed = True


class Text(PrintWriter):
    def __init__(self):
        self.text, self.closed = "", False

    def write(self, text):
        self.text += text
        return len(text)

    def close(self):
        self.closed = True


def test_read_gives_a_piece_or_everything():
    stream = Input(b"abcdefgh")
    assert stream.read(5) == b"abc"
    assert stream.read() == b"defgh"
    assert stream.read() == stream.read(1) == b""
    assert stream.isFinished()


def test_rt_nio_10_read_fills_a_buffer():
    stream = Input(b"abcd")
    buffer = bytearray(b"......")
    assert stream.read(buffer) == 3
    assert buffer == b"abc..."
    assert stream.read(memoryview(buffer)[3:]) == 1
    assert buffer == b"abcd.."
    assert stream.read(bytearray()) == 0
    assert stream.read(buffer) == -1
    assert stream.read(bytearray()) == 0
    with pytest.raises(NullPointerException):
        stream.read(None)


def test_readinto_says_zero_at_the_end():
    stream = Input(b"ab")
    assert stream.readinto(buffer := bytearray(4)) == 2
    assert buffer == b"ab\0\0"
    assert stream.readinto(buffer) == 0


def test_readline_and_iteration():
    assert list(Input(b"one\ntwo\n\nend")) == [b"one\n", b"two\n", b"\n", b"end"]
    assert Input(b"one\ntwo").readlines() == [b"one\n", b"two"]
    stream = Input(b"long line\n")
    assert stream.readline(4) == b"long"
    assert stream.readline(0) == b""
    assert stream.readline() == b" line\n"
    assert stream.readline() == b""


def test_rt_body_04_java_readline():
    stream = Input(b"one\ntwo")
    buffer = bytearray(b".........")
    assert stream.readLine(buffer, 2, 5) == 4
    assert buffer == b"..one\n..."
    assert stream.readLine(buffer, 0, 0) == 0
    assert stream.readLine(buffer, 0, -1) == 0
    assert stream.readLine(buffer, 0, 2) == 2
    assert stream.readLine(buffer, 0, 2) == 1
    assert buffer == b"owone\n..."
    assert stream.readLine(buffer, 0, 2) == -1


def test_read_all_and_read_n_bytes():
    assert Input(b"abcdefgh").readAllBytes() == b"abcdefgh"
    stream = Input(b"abcdefgh")
    assert stream.readNBytes(0) == b""
    assert stream.readNBytes(4) == b"abcd"
    buffer = bytearray(b"......")
    assert stream.readNBytes(buffer, 1, 2) == 2
    assert buffer == b".ef..."
    assert stream.readNBytes(buffer, 0, 6) == 2
    assert buffer == b"ghf..."


def test_streams_are_context_managers():
    for stream in (Input(b""), Output(), Text()):
        with stream as entered:
            assert entered is stream
        assert stream.closed


def test_streams_say_what_they_are_for():
    assert Input(b"").readable()
    assert Output().writable()
    assert Text().writable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("grüß", "grüß"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (7, "7"),
        (1.5, "1.5"),
        (-(2**40), "-1099511627776"),
        ("", ""),
    ],
)
def test_print_and_println(value: object, text: str):  # JAVADOC:73 to 101
    out, writer = Output(), Text()
    out.print(value)
    out.println(value)
    assert out.data == f"{text}{text}\r\n".encode("latin-1")
    writer.print(value)
    writer.println(value)
    assert writer.text == f"{text}{text}\n"


def test_println_alone_ends_a_line():
    out, writer = Output(), Text()
    out.println()
    writer.println()
    assert (out.data, writer.text) == (b"\r\n", "\n")


def test_print_takes_one_byte_characters_only():
    with pytest.raises(CharConversionException, match=r"'€' \(U\+20AC\).*getWriter"):
        Output().print("5 €")


def test_writelines():
    out, writer = Output(), Text()
    out.writelines([b"a", b"b"])
    writer.writelines(["a", "b"])
    assert (out.data, writer.text) == (b"ab", "ab")


def test_print_to_the_writer_as_to_any_text_file():
    print("a", 1, file=(writer := Text()))
    assert writer.text == "a 1\n"


def test_rt_nio_01_blocking_streams_are_ready_and_take_no_listener():
    assert Input(b"").isReady()
    assert Output().isReady()
    with pytest.raises(IllegalStateException):
        Input(b"").setReadListener(ReadListener())
    with pytest.raises(IllegalStateException):
        Output().setWriteListener(WriteListener())


def test_rt_nio_02_a_listener_is_needed():
    with pytest.raises(NullPointerException):
        Input(b"").setReadListener(None)
    with pytest.raises(NullPointerException):
        Output().setWriteListener(None)
