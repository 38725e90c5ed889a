/*
 * A split request: the sensitive portions are answered inside, the rest goes out.
 *
 *   digest      a model inside writes down what the portions say to the question, without what
 *               identifies anybody
 *   look        the digest is looked through; with anything sensitive in it all stays inside
 *   draft       a model outside answers the question from the digest
 *   completion  a model inside completes the draft from the portions, and that is the answer
 */
#pragma once

#include "gateway/screen.h"

/* Digest, look and draft, with the draft asked of this candidate. Afterwards the plan holds no
 * candidate outside: those inside are asked for the completion, or, where a step failed, for the
 * whole answer. False: the request ends here, x->error says why. */
bool split_run(struct exchange *x, const struct plan_candidate *outside) MUST_CHECK;
