"""The part of curl that the README's tour needs, for machines without curl."""

import argparse
import sys
import urllib.error
import urllib.request
from http.cookiejar import MozillaCookieJar
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", action="store_true")
parser.add_argument("-X", default=None)
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d", default=None)
parser.add_argument("-b", default=None)
parser.add_argument("-c", default=None)
asked = parser.parse_args()

jar = MozillaCookieJar()
if asked.b and Path(asked.b).exists():
    jar.load(asked.b)
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
opener.addheaders = [("User-Agent", "curl")]
request = urllib.request.Request(  # noqa: S310 - the tour's own addresses
    asked.url,
    data=asked.d.encode() if asked.d else None,
    headers=dict(header.split(": ", 1) for header in asked.H),
    method=asked.X,
)
try:
    answer = opener.open(request)
except urllib.error.HTTPError as error:
    answer = error
with answer:
    sys.stdout.buffer.write(answer.read())
if asked.c:
    jar.save(asked.c)
