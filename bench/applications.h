/* The eight applications of prompts.c and the words of their users, as they stand in JSON. */
#pragma once

#define APPLICATIONS 8

struct application {
    const char *brief;   /* the system prompt of a small request ... */
    const char *detail;  /* ... and what follows it in a larger one */
    const char *opening; /* how the user text begins */
    const char *options; /* further fields of a larger request, each with its comma */
};

extern const struct application applications[APPLICATIONS];
/* The most common ones first, one space between two. */
extern const char word_list[];
