"""The stores made of the cases: one with all of them in each format, and small ones with one oddity."""
import pst_case_bodies
import pst_case_classes
import pst_case_mail
import pst_ndb
from pst_cases import Cases
from pst_messages import Attachment

GERMAN = ("Posteingang", "Gesendete Elemente", "Postausgang", "Entwürfe", "Junk-E-Mail")
ENGLISH = ("Inbox", "Sent Items", "Outbox", "Drafts", "Junk E-mail")
JAPANESE = ("受信トレイ", "送信済みアイテム", "送信トレイ", "下書き", "迷惑メール")


def everything(path, format):
    crypt = pst_ndb.NONE if format.large else pst_ndb.PERMUTE  # as Outlook does
    c = Cases(path, format=format, crypt=crypt, name="Persönliche Ordner", top_name="Oberste Ebene",
              trash_name="Gelöschte Elemente")
    c.store.ndb.deflate_internal = True
    c.usual_folders(*GERMAN)
    pst_case_mail.all_mail_cases(c)
    pst_case_bodies.all_body_cases(c)
    pst_case_classes.all_class_cases(c)
    c.close()


def small(path, names=ENGLISH, **options):
    """A handful of messages, each of another shape."""
    c = Cases(path, **options)
    c.usual_folders(*names)
    c.add("first", c.inbox)
    c.add("second", c.sent, attachments=[Attachment("a.bin", bytes(range(256)) * 100)])
    c.add("third", c.folder("Below", c.inbox), body="Text. " * 20000)
    c.close()


def japanese(path):
    small(path, JAPANESE, format=pst_ndb.ANSI, codec="cp932", trash_name="削除済みアイテム",
          name="個人用フォルダ", top_name="個人用フォルダの一番上")


def large(path):
    """Attachments that need an XXBLOCK, and a folder whose table needs several levels."""
    c = Cases(path)
    c.usual_folders(*ENGLISH)
    c.add("nine-megabytes", c.inbox, attachments=[
        Attachment("big.bin", b"".join(b"%07d\n" % number for number in range(1_200_000)))])
    folder = c.folder("Many")
    for number in range(3000):
        c.add(f"many-{number}", folder, body=f"{number}\r\n")
    c.close()


def wip(path):
    """Windows Information Protection: version 37 in the header, nobody can read the rest."""
    small(path, version=37, crypt_byte=0x10)


STORES = {
    "everything": lambda path: everything(path, pst_ndb.UNICODE),
    "everything-ansi": lambda path: everything(path, pst_ndb.ANSI),
    "everything-ost4k": lambda path: everything(path, pst_ndb.OST_4K),
    "plain": lambda path: small(path, crypt=pst_ndb.NONE),
    "permute": lambda path: small(path, crypt=pst_ndb.PERMUTE),
    "cyclic": lambda path: small(path, crypt=pst_ndb.CYCLIC),
    "cyclic-ansi": lambda path: small(path, crypt=pst_ndb.CYCLIC, format=pst_ndb.ANSI),
    "password": lambda path: small(path, password="secret"),
    "japanese": japanese,
    "large": large,
    "wip": wip,
}
