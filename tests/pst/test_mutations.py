"""A few damaged stores at each check; `make check-pst-mutations` reads 2,500."""
import unittest

import pst_mutations
import rig

MUTANTS = 30


class Mutations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not pst_mutations.DUMP.exists():
            raise FileNotFoundError(f"{pst_mutations.DUMP} is not built")

    def check(self, by):
        counts, failures = pst_mutations.run(MUTANTS, by=by)
        self.assertEqual(failures, [])
        # Mutants that change nothing or are refused out of hand prove little.
        self.assertGreater(counts["accounted for"], MUTANTS // 4, counts)

    def test_no_item_is_lost_without_a_word(self):
        self.check("dump")

    def test_no_message_is_lost_without_a_word(self):
        self.check("scan")

    def test_the_judge_sees_a_loss(self):
        """What would be a silent loss is called one."""
        with rig.scratch() as folder:
            campaign = pst_mutations.Campaign(folder)
            _, _, whole = campaign.store("permute")

            def judged(alter):
                reading = pst_mutations.Reading(folder / "permute.pst")
                alter(reading)
                return campaign.judge(whole, reading, "nothing", False)

            nid = min(whole.items)
            self.assertEqual(judged(lambda reading: None), [])
            self.assertTrue(judged(lambda reading: reading.items.pop(nid)))
            self.assertTrue(judged(lambda reading: reading.items[nid].update(subject="other")))
            self.assertFalse(judged(lambda reading: reading.items[nid].update(err="gone")))

            def named(reading):
                del reading.items[nid]
                reading.lost = 1
            self.assertFalse(judged(named))

            def named_too_often(reading):
                reading.lost = 1
            self.assertTrue(judged(named_too_often))

    def test_the_judge_sees_a_sanitizer(self):
        """Its exit status, and that nothing was read, are those of a store that is refused."""
        for said, broke in (("x.pst: no PST file\n", False),
                            ("src/pst/heap.c:9:3: runtime error: index 4 out of bounds\n", True),
                            ("===\n==7==ERROR: AddressSanitizer: SEGV on unknown address\n", True)):
            with self.subTest(said):
                reading = object.__new__(pst_mutations.Reading)
                reading.status, reading.error, reading.items = 1, said, {}
                self.assertTrue(reading.refused)
                with rig.scratch() as folder:
                    faults = pst_mutations.Campaign(folder).judge(None, reading, "nothing", False)
                self.assertEqual(bool(faults), broke)
