/*
 * Trains the weights of src/inspect from the records of prepare.py:
 *
 *     train OUT.bin TRAIN.rec... [-- DEV.rec...]
 *
 * A softmax over the tasks and a logistic head for hardness, both linear over hashed features;
 * Adagrad, averaged over the last half of the epochs. Deterministic: same records, same file.
 */
#include "inspect/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS       (1u << FEATURES_TABLE_BITS)
#define HEADS      (TASK_COUNT + 1)
#define EPOCHS     10
#define ALSO_SHARE 0.3F /* of the target, for the other labels that are defensible */

#define RATE      0.15F
#define RATE_HARD 0.05F /* its targets are noisier */
#define DECAY     1e-5F
/* Of the tasks' scores: texts of other origin than the training rows are judged with more
 * confidence than they deserve, and this gives back what that is on the development sets. */
#define SOBER 0.85F
#define DROPPED \
    0.5F /* of the features of a row, drawn anew each time: templates teach less by heart */

struct row {
    int task; /* < 0: only hardness is known */
    unsigned also;
    float hard; /* < 0: not known */
    unsigned n, n_body;
    uint16_t *rows;
};

struct set {
    struct row *rows;
    size_t n;
};

/* How hard requests of a task are where nothing was measured: weak targets. */
static const float task_hardness[TASK_COUNT] = {
    [TASK_CLASSIFICATION] = 0.15F, [TASK_EXTRACTION] = 0.2F,   [TASK_SUMMARIZATION] = 0.25F,
    [TASK_TRANSLATION] = 0.25F,    [TASK_SUPPORT_FAQ] = 0.15F, [TASK_REASONING] = 0.6F,
    [TASK_CODING] = 0.6F,          [TASK_CREATIVE] = 0.4F,     [TASK_GENERAL] = 0.25F,
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static bool get(FILE *f, void *to, size_t n)
{
    return fread(to, 1, n, f) == n;
}

static void extract(const struct llm_request *request, struct row *row)
{
    static struct features body, system;
    struct features_shape shape;
    const struct llm_message *says = features_system(request);
    features_of_user(request, &shape, &body);
    features_of_system(says ? says->text : VIEW_NONE, &system);
    row->n_body = body.n;
    row->n = body.n + system.n;
    row->rows = malloc(row->n * sizeof *row->rows);
    if (!row->rows)
        die("memory");
    memcpy(row->rows, body.rows, body.n * sizeof *row->rows);
    memcpy(row->rows + body.n, system.rows, system.n * sizeof *row->rows);
}

static void load(struct set *set, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    unsigned char task;
    while (get(f, &task, 1)) {
        uint16_t also;
        unsigned char n;
        struct row row = {.task = task == 255 ? -1 : task};
        if (!get(f, &also, 2) || !get(f, &row.hard, 4) || !get(f, &n, 1))
            die(path);
        row.also = also;
        struct llm_message messages[256] = {0};
        for (unsigned i = 0; i < n; i++) {
            unsigned char role;
            uint32_t bytes;
            if (!get(f, &role, 1) || !get(f, &bytes, 4))
                die(path);
            char *text = malloc(bytes + 1);
            if (!text || !get(f, text, bytes))
                die(path);
            messages[i] = (struct llm_message){.role = role, .text = view_of(text, bytes)};
        }
        const struct llm_request request = {.messages = messages, .n_messages = n};
        extract(&request, &row);
        for (unsigned i = 0; i < n; i++)
            free((char *)(uintptr_t)messages[i].text.p);
        if (set->n % 1024 == 0)
            set->rows = realloc(set->rows, (set->n + 1024) * sizeof *set->rows);
        if (!set->rows)
            die(path);
        set->rows[set->n++] = row;
    }
    fclose(f);
}

static float weights[ROWS][MODEL_HEADS], squares[ROWS][MODEL_HEADS], mean[ROWS][MODEL_HEADS];

/* The weight of a row in the score, as model_add() has it. */
static float norm_of(const struct row *row, unsigned i)
{
    return 1 / sqrtf((float)(i < row->n_body ? row->n_body : row->n - row->n_body));
}

static void scores_of(const struct row *row, float z[HEADS])
{
    for (unsigned k = 0; k < HEADS; k++)
        z[k] = 0;
    for (unsigned i = 0; i < row->n; i++)
        for (unsigned k = 0; k < HEADS; k++)
            z[k] += weights[row->rows[i]][k] * norm_of(row, i);
}

static void softmax(float z[TASK_COUNT])
{
    float top = z[0], sum = 0;
    for (unsigned k = 1; k < TASK_COUNT; k++)
        top = z[k] > top ? z[k] : top;
    for (unsigned k = 0; k < TASK_COUNT; k++)
        sum += z[k] = expf(z[k] - top);
    for (unsigned k = 0; k < TASK_COUNT; k++)
        z[k] /= sum;
}

static uint32_t draw(void)
{
    static uint64_t state = 42;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static struct row drop_features(const struct row *full)
{
    static uint16_t kept[2 * FEATURES_MAX];
    struct row row = *full;
    row.rows = kept;
    row.n = row.n_body = 0;
    for (unsigned i = 0; i < full->n; i++) {
        if ((float)draw() < DROPPED * (float)(1u << 31))
            continue;
        kept[row.n++] = full->rows[i];
        row.n_body += i < full->n_body;
    }
    return row;
}

static void learn(const struct row *full)
{
    float z[HEADS], slope[HEADS] = {0};
    struct row dropped = drop_features(full), *row = &dropped;
    scores_of(row, z);
    if (row->task >= 0) {
        softmax(z);
        int others = __builtin_popcount(row->also);
        for (int k = 0; k < TASK_COUNT; k++) {
            float target = k == row->task ? (others ? 1 - ALSO_SHARE : 1) : 0;
            if (row->also >> k & 1)
                target += ALSO_SHARE / (float)others;
            slope[k] = z[k] - target;
        }
    }
    float hard = 1 / (1 + expf(-z[TASK_COUNT]));
    slope[TASK_COUNT] =
        row->hard >= 0 ? hard - row->hard : 0.3F * (hard - task_hardness[row->task]);
    for (unsigned i = 0; i < row->n; i++) {
        float norm = norm_of(row, i);
        float *w = weights[row->rows[i]], *s = squares[row->rows[i]];
        for (unsigned k = 0; k < HEADS; k++) {
            float g = slope[k] * norm + DECAY * w[k];
            s[k] += g * g;
            w[k] -= (k < TASK_COUNT ? RATE : RATE_HARD) * g / (sqrtf(s[k]) + 1e-4F);
        }
    }
}

static void train(struct set *set)
{
    for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
        for (size_t i = set->n; i > 1; i--) {
            size_t j = draw() % i;
            struct row row = set->rows[i - 1];
            set->rows[i - 1] = set->rows[j];
            set->rows[j] = row;
        }
        for (size_t i = 0; i < set->n; i++)
            learn(&set->rows[i]);
        if (epoch >= EPOCHS / 2)
            for (unsigned r = 0; r < ROWS; r++)
                for (unsigned k = 0; k < HEADS; k++)
                    mean[r][k] += weights[r][k] / (EPOCHS - EPOCHS / 2);
    }
}

static struct model *quantize(void)
{
    struct model *m = calloc(1, sizeof *m + ROWS * sizeof *m->rows);
    if (!m)
        die("memory");
    memcpy(m->magic, MODEL_MAGIC, sizeof m->magic);
    m->table_bits = FEATURES_TABLE_BITS;
    m->heads = HEADS;
    for (unsigned k = 0; k < MODEL_HEADS; k++) {
        float top = 1e-6F;
        for (unsigned r = 0; r < ROWS; r++)
            top = fabsf(mean[r][k]) > top ? fabsf(mean[r][k]) : top;
        m->scale[k] = top / 127;
        for (unsigned r = 0; r < ROWS; r++)
            m->rows[r][k] = (uint8_t)(128 + lrintf(mean[r][k] / m->scale[k]));
        if (k < TASK_COUNT)
            m->scale[k] *= SOBER;
    }
    return m;
}

static void add(const struct model *model, const uint16_t *rows, unsigned n, float z[MODEL_HEADS])
{
    static struct features f;
    f.n = n;
    memcpy(f.rows, rows, n * sizeof *rows);
    model_add(model, &f, z);
}

static void evaluate(const struct model *model, const char *path)
{
    struct set set = {0};
    size_t tasks = 0, strict = 0, lenient = 0, sure = 0, sure_right = 0;
    double pairs = 0, ordered = 0;
    load(&set, path);
    float *hard = calloc(set.n, sizeof *hard);
    for (size_t i = 0; hard && i < set.n; i++) {
        struct row *row = &set.rows[i];
        float z[MODEL_HEADS] = {0};
        add(model, row->rows, row->n_body, z);
        add(model, row->rows + row->n_body, row->n - row->n_body, z);
        hard[i] = z[MODEL_HEAD_HARD];
        if (row->task < 0)
            continue;
        int best = 0;
        softmax(z);
        for (int k = 1; k < TASK_COUNT; k++)
            best = z[k] > z[best] ? k : best;
        bool right = best == row->task || row->also >> best & 1;
        tasks++;
        strict += best == row->task;
        lenient += right;
        sure += z[best] >= 0.8F;
        sure_right += z[best] >= 0.8F && right;
    }
    for (size_t i = 0; hard && i < set.n; i++)
        for (size_t j = 0; j < set.n; j++)
            if (set.rows[i].hard > 0.5F && set.rows[j].hard >= 0 && set.rows[j].hard < 0.5F) {
                pairs++;
                ordered += hard[i] > hard[j] ? 1 : hard[i] < hard[j] ? 0 : 0.5;
            }
    if (tasks)
        printf("%s: %zu rows, strict %.3f, lenient %.3f; confidence >= 0.8: %.2f of them, lenient "
               "%.3f\n",
               path, tasks, (double)strict / (double)tasks, (double)lenient / (double)tasks,
               (double)sure / (double)tasks, (double)sure_right / (double)(sure ? sure : 1));
    if (pairs > 0)
        printf("%s: hardness, area under the curve %.3f\n", path, ordered / pairs);
    free(hard);
}

int main(int argc, char **argv)
{
    struct set set = {0};
    int i = 2;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        load(&set, argv[i]);
    train(&set);
    struct model *model = quantize();
    FILE *out = fopen(argv[1], "wb");
    if (!out ||
        fwrite(model, 1, sizeof *model + ROWS * sizeof *model->rows, out) !=
            sizeof *model + ROWS * sizeof *model->rows ||
        fclose(out) != 0)
        die(argv[1]);
    for (i++; i < argc; i++)
        evaluate(model, argv[i]);
    return 0;
}
