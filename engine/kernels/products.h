/* Products of matrices whose numbers are in the caches. */

#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "vectors.h"

/* Rows whose sums are in registers at the same time, a multiple of the rows of a low block; and columns, a panel. */
enum { LOW = 4, ROWS = LANES == 16 ? 12 : LOW, PANEL = 2 * LANES, LINE = 16 };

/* Products that are summed one after the other before they are added to the rest: a long sum rounds more. */
enum { DEPTH = 64 };

/* Where the numbers lie: to[row][column] is the sum over k of left[row][k] * right[k][column], and what was there
 * before if `add`. Columns lie one after the other. While it multiplies, what is needed `next` is fetched, a line with
 * each k. */
typedef struct {
    int64_t depth, left_row, left_k, right_k, to_row;
    int add;
    const float *next;
    int64_t next_of_row; /* numbers of `next` that are fetched with each row */
} Product;

/* `rows` rows and `registers` registers of columns, with all sums in registers. */
INLINE void multiply_block(const int rows, const int registers, const Product *of, const float *left,
                           const float *right, float *to) {
    const float *next = of->next;
    int add = of->add;
    for (int64_t start = 0; start < of->depth; start += DEPTH, add = 1) {
        Vector sums[ROWS][2] = {0};
        for (int64_t k = start; k < smaller(start + DEPTH, of->depth); k++, left += of->left_k, right += of->right_k) {
            Vector by[2];
            _mm_prefetch((const char *)next, _MM_HINT_T1), next += LINE;
            UNROLLED for (int r = 0; r < registers; r++) by[r] = load(right + r * LANES);
            UNROLLED for (int row = 0; row < rows; row++)
                UNROLLED for (int r = 0; r < registers; r++)
                    sums[row][r] = add_product(sums[row][r], left[row * of->left_row], by[r]);
        }
        UNROLLED for (int row = 0; row < rows; row++)
            UNROLLED for (int r = 0; r < registers; r++) {
                float *at = to + row * of->to_row + r * LANES;
                store(at, add ? load(at) + sums[row][r] : sums[row][r]);
            }
    }
}

/* One panel of columns, or the half of one if it is `narrow`. The rows are a multiple of LOW. */
static void multiply(int64_t rows, int narrow, Product of, const float *left, const float *right, float *to) {
    for (int64_t row = 0, done; row < rows; row += done, left += done * of.left_row, to += done * of.to_row) {
        const int low = rows - row < ROWS;
        if (narrow && low)
            multiply_block(LOW, 1, &of, left, right, to);
        else if (narrow)
            multiply_block(ROWS, 1, &of, left, right, to);
        else if (low)
            multiply_block(LOW, 2, &of, left, right, to);
        else
            multiply_block(ROWS, 2, &of, left, right, to);
        done = low ? LOW : ROWS;
        of.next += of.next_of_row * done;
    }
}

#endif
