/* The page of report.html, a part of the program: the files of coordinator/show/page, joined by
 * scripts/page.sh.  Where it says `<!--ggdm:NAME-->` goes what report.c knows by that name. */
#ifndef GGDM_COORDINATOR_PAGE_TEXT_H
#define GGDM_COORDINATOR_PAGE_TEXT_H

extern const char ggdm_page_text[];

#endif
