#include "coordinator/show/page_text.h"

/* GGDM_PAGE: the joined file (Makefile). */
__asm__(".section .rodata\n"
        ".globl ggdm_page_text\n"
        "ggdm_page_text: .incbin \"" GGDM_PAGE "\"\n"
        ".byte 0\n"
        ".previous\n");
