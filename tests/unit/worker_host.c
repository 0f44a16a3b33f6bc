/*
 * Workers are this program executed again: so is the unit test program when a test
 * opens a PST. Then it must not run its tests.
 */
#include <string.h>
#include <unistd.h>

#include "source/pst_worker.h"

__attribute__((constructor)) static void be_a_worker(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "worker") == 0 && strcmp(argv[2], "pst") == 0)
		_exit(pst_worker_main());
}
