/* Standard output of the program: what cannot be written is an error of every command. */
#ifndef GGDM_COORDINATOR_OUTPUT_H
#define GGDM_COORDINATOR_OUTPUT_H

/** For the begin of main.  At exit, whatever path leads there: output that could not be written
 *  (closed, a full disk, a broken disk) is told, and exit code 0 becomes that of the error; a pipe
 *  whose reader has left is not told, and gives the code that SIGPIPE would.
 *  Descriptors 0 to 2 that are closed are occupied, so that no file gets them and messages with
 *  them; a write beyond a limit on file sizes fails as one on a full disk does. */
void ggdm_output_guard(void);

#endif
