/* Memory that a process holds without need. */
#pragma once

/* Gives back the pages of code that the process has read so far, its own and its libraries': they
 * come again from the page cache when they are needed. For a process that goes to sleep for long
 * behind a busy start, such as the parent. */
void resident_give_back_code(void);
