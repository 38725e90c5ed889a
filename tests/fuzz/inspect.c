/* Inspection of any text: facts within their bounds, the same for the same bytes. The part before
 * a first NUL is the system message. */
#include "inspect/inspect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view user = view_of((const char *)data, size);
    struct view system =
        view_find_char(user, '\0') == VIEW_NPOS ? VIEW_NONE : view_cut(&user, '\0');
    struct llm_message messages[2] = {{.role = LLM_SYSTEM, .text = system},
                                      {.role = LLM_USER, .text = user}};
    struct llm_request request = {.messages = messages, .n_messages = 2};
    struct inspect_facts a, b;

    inspect_exchange(&request, NULL, &a);
    inspect_exchange(&request, NULL, &b);
    check((unsigned)a.task < TASK_COUNT && a.why != NULL);
    check(a.confidence >= 0 && a.confidence <= 1.0001);
    check(a.complexity >= 0 && a.complexity <= 1);
    check(a.task == b.task && a.tokens_in == b.tokens_in && a.why == b.why);
    return 0;
}
