#include "config/defaults_policy.h"

void policy_defaults(struct config_policy *ret_policy)
{
    static const struct config_row by_complexity = {PLACE_BY_COMPLEXITY, 0.6};
    *ret_policy = (struct config_policy){
        .matrix =
            {
                [TASK_CLASSIFICATION] = {PLACE_INSIDE, 0},
                [TASK_EXTRACTION] = {PLACE_INSIDE, 0},
                [TASK_SUMMARIZATION] = by_complexity,
                [TASK_TRANSLATION] = by_complexity,
                [TASK_SUPPORT_FAQ] = {PLACE_INSIDE, 0},
                [TASK_REASONING] = {PLACE_OUTSIDE, 0},
                [TASK_CODING] = {PLACE_OUTSIDE, 0},
                [TASK_CREATIVE] = {PLACE_OUTSIDE, 0},
                [TASK_GENERAL] = by_complexity,
            },
        .min_confidence = 0.4,
    };
}
