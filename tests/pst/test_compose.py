"""The messages composed from our own stores, read by Python's email, beside what the cases say."""
import email
import email.policy
import encodings.aliases
import hashlib
import json
import re
import subprocess
import unittest

import pst_cases
import rig

TOOL = rig.PROGRAM.parent / "tools/pst_mime"
# Added on top of what a case says of its keywords: from importance, and from the folder.
OWN_KEYWORDS = {"$Important", "$Junk"}


# Charsets that Python knows by other names.
encodings.aliases.aliases.update({"windows_874": "cp874", "iso_8859_8_i": "iso8859_8"})


def composed(path):
    """(facts, octets) of each message that the tool makes of a store."""
    done = subprocess.run([TOOL, path], capture_output=True, check=True, timeout=rig.TIMEOUT)
    at = 0
    while at < len(done.stdout):
        end = done.stdout.index(b"\n", at)
        facts = json.loads(done.stdout[at:end])
        at = end + 1 + facts["octets"]
        yield facts, done.stdout[end + 1:at]


def parse(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def defects(message):
    for part in message.walk():
        if not part.is_multipart():
            part.get_payload(decode=True)
            if part.get_content_maintype() == "text":
                part.get_content()
        yield from part.defects
        for _, value in part.items():
            yield from getattr(value, "defects", ())


def illegal(octets):
    """What RFC 5322 and 2045 do not allow in a message of 7bit lines."""
    if not octets.endswith(b"\r\n"):
        yield "no final line end"
    if b"\0" in octets:
        yield "NUL"
    if re.search(rb"\r(?!\n)|(?<!\r)\n", octets):
        yield "a lone CR or LF"
    if max(map(len, octets.split(b"\r\n"))) > 998:
        yield "a line over 998 octets"
    if re.search(rb"[\x80-\xff]", octets.split(b"\r\n\r\n", 1)[1]):
        yield "raw 8-bit octets"


def flat(text):
    return " ".join((text or "").split())


def lines(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip()


def own_parts(message):
    """The leaves, those of attached messages left out."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for part in message.iter_parts():
        yield from own_parts(part)


def body(message, kind):
    for part in own_parts(message):
        if part.get_content_type() == kind and part.get_content_disposition() is None:
            return part.get_content()
    return None


def files(message):
    return [(part.get_filename(), hashlib.sha1(part.get_payload(decode=True)).hexdigest())
            for part in own_parts(message) if part.get_content_disposition() is not None
            and part.get_content_type() != "message/rfc822"]


def tree(message):
    return [part.get_content_type() for part in message.walk()] if message.is_multipart() else [
        message.get_content_type()]


class Composed(unittest.TestCase):
    maxDiff = 2000

    def head(self, item, message, octets):
        head = octets.split(b"\r\n\r\n", 1)[0].decode("utf-8", "surrogateescape")
        for name, want in item["head"].items():
            if want is None:
                continue
            if isinstance(want, list):
                have = [[address.display_name or address.addr_spec, address.addr_spec]
                        for value in message.get_all(name, []) for address in value.addresses]
                for pair in filter(None, want):
                    self.assertIn([pair[0] or pair[1], pair[1]], have, name)
            else:
                self.assertEqual(flat(message[name]).lower(), flat(want).lower(), name)
        for name in item["absent"]:
            self.assertNotIn(name, message)
        for word in item.get("not_in_head", []):
            self.assertNotIn(word, head)
        if item.get("lines"):
            kept = [line for line in item["lines"] if line]
            self.assertEqual(head.split("\r\n")[:len(kept)], kept)
        if "from_name" in item:
            self.assertEqual(message["From"].addresses[0].display_name, item["from_name"])

    def bodies(self, item, message):
        if item.get("text"):
            self.assertEqual(lines(body(message, "text/plain") or ""), lines(item["text"]))
        if item.get("text_has"):
            self.assertIn(item["text_has"], body(message, "text/plain"))
        if item.get("html"):
            self.assertIn(item["html"], body(message, "text/html"))

    def attached(self, item, message):
        have, wanted = files(message), [name for name, _ in item["files"] or ()]
        if item["files"] and not item.get("names_may_differ"):
            self.assertEqual(sorted((name if name in wanted else "", digest) for name, digest in have),
                             sorted(map(tuple, item["files"])))
        elif item["files"]:
            self.assertEqual([digest for _, digest in have], [pair[1] for pair in item["files"]])
        for digest in item.get("files_sha1", []):
            self.assertIn(digest, [pair[1] for pair in have])
        inline = [part.get_filename() for part in own_parts(message)
                  if part.get_content_disposition() == "inline" and part.get_filename()]
        self.assertEqual(inline, item.get("related") or inline)
        if "deep" in item:
            for subject in item["deep"]:
                inner = next(part for part in own_parts(message)
                             if part.get_content_type() == "message/rfc822")
                message = inner.get_payload(0)
                self.assertEqual(message["Subject"], subject)

    def special(self, item, message, octets):
        if item.get("tree"):
            self.assertEqual(tree(message)[:len(item["tree"])], item["tree"])
        if "verbatim" in item:
            self.assertIn(item["verbatim"].encode(), octets)
        if "calendar" in item:
            calendar = body(message, "text/calendar")
            self.assertIsNotNone(calendar)
            for line in item["calendar"]:
                self.assertIn(line, calendar)
        if "report" in item:
            self.assertEqual(message.get_content_type(), "multipart/report")
            self.assertEqual(message.get_param("report-type"), item["report"])
            self.assertIn("message/" + item["report"], tree(message))
            self.assertIn("\r\n".join(item["status"]).encode(), octets)

    def facts(self, item, facts):
        missing = set(item["fidelity"]) - set(facts["fidelity"])
        self.assertFalse(missing, "not reported")
        flags = [flag for flag in facts["flags"] if flag.startswith("\\")]
        if item["flags"] is None:
            return
        self.assertEqual(sorted(flags), sorted(item["flags"]))
        keywords = set(facts["flags"]) - set(flags)
        if "categories" not in item:
            self.assertEqual(keywords - OWN_KEYWORDS, set(item["keywords"]) - OWN_KEYWORDS)

    def store(self, name):
        """Every mail of one store."""
        with rig.scratch() as folder:
            pst_cases.write_all(folder, [name])
            cases = json.loads((folder / f"{name}.json").read_text())
            wanted = {item["nid"]: item for item in cases["items"]
                      if item["kind"] == "mail" and not item["hidden"]}
            for facts, octets in composed(folder / f"{name}.pst"):
                item = wanted.pop(facts["nid"], None)
                message = parse(octets)
                with self.subTest(case=item["case"] if item else facts["nid"]):
                    self.assertEqual(list(illegal(octets)), [])
                    self.assertEqual(list(defects(message)), [])
                    if item:
                        if name.endswith("-ansi"):  # its own code page stands in for an unknown one
                            item["fidelity"] = set(item["fidelity"]) - {"charset-guessed"}
                        self.head(item, message, octets)
                        self.bodies(item, message)
                        self.attached(item, message)
                        self.special(item, message, octets)
                        self.facts(item, facts)
            self.assertEqual([item["case"] for item in wanted.values()], [], "not composed")

    def test_unicode(self):
        self.store("everything")

    def test_ansi(self):
        self.store("everything-ansi")

    def test_ost(self):
        self.store("everything-ost4k")

    def test_same_octets_twice(self):
        with rig.scratch() as folder:
            pst_cases.write_all(folder, ["everything"])
            first, second = (list(composed(folder / "everything.pst")) for _ in range(2))
            self.assertEqual(first, second)


if __name__ == "__main__":
    unittest.main()
