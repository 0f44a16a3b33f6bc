"""On a real server: the user reads, moves and deletes mail between a run that did not verify and the next
one."""
import gen_mail
import rig


class Since(rig.ServerTest):
    def test_what_the_user_does_meanwhile(self):
        source = self.folder / "maildir"
        gen_mail.generate(30, seed=3, folders=1, median=2000, mean=3000, maildir=source)
        self.run_to_server("run", source, "--verify", "none")
        client = self.server.connect(self.user)
        client.create("Kept")
        client.select("INBOX")
        seen = client.search(None, "SEEN")[1][0].split()
        client.store(seen[0].decode(), "-FLAGS", r"(\Seen)")
        client.store(seen[1].decode(), "+FLAGS", r"(\Flagged \Answered)")
        client.copy(seen[2].decode(), "Kept")
        client.store(b",".join(seen[2:4]).decode(), "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()
        result = self.run_to_server("run", source, status=rig.DIFFERS)
        for words in ("1 differ, 3 changed or moved there by somebody since", "\\Seen removed",
                      "and is in 'Kept' now", "has been deleted or moved on the server since"):
            self.assertIn(words, result.out)
        self.run_to_server("run", source)
        self.run_to_server("verify", source)
        self.assertEqual(len(self.server.dump(self.user)), 29)
