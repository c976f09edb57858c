"""What helps people to begin, to understand, and to find what is wrong; one part for each command or page.

    new.py, skeleton/   was new       a first web app
    migrate/            was migrate   a Java web app -> what works here, what is to be written, a skeleton
    lint/               was check     codes and cures for descriptors, code, front configurations
    effective.py        was check --effective; opens a web app that does not run
    explain/            was explain   a request, asked of the engine without running it
    xray/               was run --xray   the records of requests that were answered
    lab/                was lab       process models under the same load
    pages/              what the pages of xray/ and lab/ share

The engine and the front know nothing of it. server.py puts the X-ray around them, and asks lint with --dev.
"""
