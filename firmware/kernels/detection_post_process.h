// TFLITE_DETECTION_POST_PROCESS of TFLM, a custom operator: the objects among the boxes of a detector, without the
// boxes that overlap a better one of the same class (non-maximum suppression). Must equal DetectionPostProcessEval in
// tensorflow/lite/micro/kernels/detection_postprocess.cc, which leaves rows behind the last detection undefined in one
// case; here they are 0 in all cases. Where TFLM's inference fails, because a box has no area, the results are
// LiteRT's.
//
//   encodings  [boxes][coordinates]: y and x of the center and logarithms of height and width, relative to the anchor
//   scores     [boxes][background + classes]
//   anchors    [boxes][4]: y and x of the center, height, width
//   detected   [detections][4]: ymin, xmin, ymax, xmax; the best detection first
//   classes    [detections]: 0 is the first class behind the background
//   best       [detections]: their scores
//   count      [1]: the number of detections
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"

namespace kerf {

// Sizes are at least 1, thresholds and scales are numbers.
struct DetectionPostProcessParams {
    int32_t boxes, coordinates;   // coordinates: at least 4, the rest are not used
    int32_t classes, background;  // background: 1 if the first score is that of the background, else 0
    int32_t detections;           // the most in all
    int32_t per_class;            // the most of one class
    float score_threshold;        // the lowest score of a detection
    float largest_overlap;        // of two detections: intersection / union, above 0
    float y_scale, x_scale, height_scale, width_scale;  // what encodings are divided by
};

namespace internal {

struct DetectionBox {
    float ymin, xmin, ymax, xmax;
};

// DecodeCenterSizeBoxes
inline void DecodeBoxes(const DetectionPostProcessParams& p, const float* encodings, const float* anchors,
                        DetectionBox* boxes) {
    const auto center = [](float encoding, float scale, float size, float middle) {
        return static_cast<float>(static_cast<double>(encoding) / static_cast<double>(scale) *
                                      static_cast<double>(size) +
                                  static_cast<double>(middle));
    };
    const auto half = [](float encoding, float scale, float size) {
        const double factor = exp(static_cast<double>(encoding) / static_cast<double>(scale));
        return static_cast<float>(0.5 * factor * static_cast<double>(size));
    };
    for (int32_t i = 0; i < p.boxes; ++i, encodings += p.coordinates, anchors += 4) {
        const float y = center(encodings[0], p.y_scale, anchors[2], anchors[0]);
        const float x = center(encodings[1], p.x_scale, anchors[3], anchors[1]);
        const float height = half(encodings[2], p.height_scale, anchors[2]);
        const float width = half(encodings[3], p.width_scale, anchors[3]);
        boxes[i] = {y - height, x - width, y + height, x + width};
    }
}

// ComputeIntersectionOverUnion
inline float IntersectionOverUnion(const DetectionBox& a, const DetectionBox& b) {
    const float height = Max(Min(a.ymax, b.ymax) - Max(a.ymin, b.ymin), 0.0f);
    const float width = Max(Min(a.xmax, b.xmax) - Max(a.xmin, b.xmin), 0.0f);
    const float common = height * width;
    if (common == 0) return 0;
    const float area_a = (a.ymax - a.ymin) * (a.xmax - a.xmin), area_b = (b.ymax - b.ymin) * (b.xmax - b.xmin);
    if (area_a <= 0 || area_b <= 0) return 0;
    return common / (area_a + area_b - common);
}

// NonMaxSuppressionSingleClassHelper, without sorting: at most `most` boxes, the one with the highest score first, of
// equal ones the first. `scores` are `stride` apart. `take(box)` says whether it wants another one.
template <typename Take>
inline void SelectBoxes(const DetectionPostProcessParams& p, const DetectionBox* boxes, const float* scores,
                        int32_t stride, int32_t most, uint8_t* candidates, Take take) {
    for (int32_t i = 0; i < p.boxes; ++i) candidates[i] = scores[i * stride] >= p.score_threshold;
    for (int32_t selected = 0; selected < most; ++selected) {
        int32_t best = -1;
        for (int32_t i = 0; i < p.boxes; ++i) {
            if (candidates[i] && (best < 0 || scores[i * stride] > scores[best * stride])) best = i;
        }
        if (best < 0 || !take(best)) return;
        candidates[best] = 0;
        for (int32_t i = 0; i < p.boxes; ++i) {
            if (candidates[i] && IntersectionOverUnion(boxes[best], boxes[i]) > p.largest_overlap) candidates[i] = 0;
        }
    }
}

inline void ClearDetections(const DetectionPostProcessParams& p, float* detected, float* classes, float* best,
                            float* count) {
    const auto row_bytes = static_cast<uint32_t>(p.detections) * sizeof(float);
    memset(detected, 0, 4 * row_bytes);
    memset(classes, 0, row_bytes);
    memset(best, 0, row_bytes);
    *count = 0;
}

}  // namespace internal

// Size of `scratch` in bytes: the boxes, which of them are candidates, and their highest scores.
constexpr int32_t detection_post_process_fast_scratch_bytes(const DetectionPostProcessParams& p) {
    return p.boxes * (static_cast<int32_t>(sizeof(internal::DetectionBox) + sizeof(float)) + 1);
}
constexpr int32_t detection_post_process_regular_scratch_bytes(const DetectionPostProcessParams& p) {
    return p.boxes * (static_cast<int32_t>(sizeof(internal::DetectionBox)) + 1);
}

// NonMaxSuppressionMultiClassFastHelper with one class per detection: a box counts for its best class, and suppresses
// boxes of every class.
inline void detection_post_process_fast(const DetectionPostProcessParams& p, const float* encodings,
                                        const float* scores, const float* anchors, float* detected, float* classes,
                                        float* best, float* count, uint8_t* scratch) {
    auto* const boxes = reinterpret_cast<internal::DetectionBox*>(scratch);
    auto* const highest = reinterpret_cast<float*>(boxes + p.boxes);
    auto* const candidates = reinterpret_cast<uint8_t*>(highest + p.boxes);
    const int32_t stride = p.background + p.classes;
    const auto best_class = [&](int32_t box) {
        const float* own = scores + box * stride + p.background;
        int32_t found = 0;
        for (int32_t c = 1; c < p.classes; ++c) {
            if (own[c] > own[found]) found = c;
        }
        return found;
    };
    internal::ClearDetections(p, detected, classes, best, count);
    internal::DecodeBoxes(p, encodings, anchors, boxes);
    for (int32_t i = 0; i < p.boxes; ++i) highest[i] = scores[i * stride + p.background + best_class(i)];
    int32_t found = 0;
    internal::SelectBoxes(p, boxes, highest, 1, p.detections, candidates, [&](int32_t box) {
        memcpy(detected + 4 * found, boxes + box, sizeof(internal::DetectionBox));
        classes[found] = static_cast<float>(best_class(box));
        best[found++] = highest[box];
        return true;
    });
    *count = static_cast<float>(found);
}

// NonMaxSuppressionMultiClassRegularHelper: a box counts for every class, and suppresses boxes of the same class. The
// outputs are kept sorted; of equal scores, the lower class is first.
inline void detection_post_process_regular(const DetectionPostProcessParams& p, const float* encodings,
                                           const float* scores, const float* anchors, float* detected, float* classes,
                                           float* best, float* count, uint8_t* scratch) {
    auto* const boxes = reinterpret_cast<internal::DetectionBox*>(scratch);
    auto* const candidates = reinterpret_cast<uint8_t*>(boxes + p.boxes);
    const int32_t stride = p.background + p.classes;
    internal::ClearDetections(p, detected, classes, best, count);
    internal::DecodeBoxes(p, encodings, anchors, boxes);
    int32_t found = 0;
    for (int32_t c = 0; c < p.classes; ++c) {
        const float* own = scores + p.background + c;
        internal::SelectBoxes(p, boxes, own, stride, p.per_class, candidates, [&](int32_t box) {
            const float score = own[box * stride];
            int32_t at = found;
            while (at > 0 && best[at - 1] < score) --at;
            if (at == p.detections) return false;  // and no later one of this class is better
            if (found < p.detections) ++found;
            const auto behind = static_cast<uint32_t>(found - 1 - at);
            memmove(detected + 4 * (at + 1), detected + 4 * at, behind * sizeof(internal::DetectionBox));
            memmove(classes + at + 1, classes + at, behind * sizeof(float));
            memmove(best + at + 1, best + at, behind * sizeof(float));
            memcpy(detected + 4 * at, boxes + box, sizeof(internal::DetectionBox));
            classes[at] = static_cast<float>(c);
            best[at] = score;
            return true;
        });
    }
    *count = static_cast<float>(found);
}

}  // namespace kerf
