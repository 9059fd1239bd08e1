"""The fixed-point arithmetic of firmware/kernels/fixed_point.h, for tables that are computed at compile time.

Computes with 32-bit integers, as Python ints. Must equal gemmlowp/fixedpoint/fixedpoint.h and
MultiplyByQuantizedMultiplier in tensorflow/lite/kernels/internal/common.cc (double rounding) in the ranges given here.
"""

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
ONE_EIGHTH = 1 << 28  # in Q0.31

# exp(-2^exponent) in Q0.31, for the binary digits of a negative number (gemmlowp's GEMMLOWP_EXP_BARREL_SHIFTER).
EXP_OF_DIGIT = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """The high 32 bits of 2ab, rounded to nearest, ties towards plus infinity; a and b must not both be -2^31."""
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_power_of_two(x: int, exponent: int) -> int:
    """x / 2^exponent rounded to nearest, ties away from zero, 0 <= exponent <= 31."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def saturating_shift_left(x: int, exponent: int) -> int:
    """x * 2^exponent limited to 32 bits."""
    return max(INT32_MIN, min(INT32_MAX, x << exponent))


def multiply_by_quantized_multiplier(x: int, multiplier: int, shift: int) -> int:
    """x * multiplier * 2^(shift - 31), rounded twice; |x| * 2^shift must stay below 2^31."""
    product = saturating_rounding_doubling_high_mul(x << max(shift, 0), multiplier)
    return rounding_divide_by_power_of_two(product, max(-shift, 0))


def exp_on_negative_values(a: int, integer_bits: int) -> int:
    """exp(a) in Q0.31 for a <= 0 with ``integer_bits`` (at most 5) before the point; exp_on_negative_values."""
    if a == 0:
        return INT32_MAX
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    modulo = (a & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_on_last_quarter(modulo << integer_bits)
    remainder = modulo - a
    for exponent, factor in EXP_OF_DIGIT.items():
        if exponent < integer_bits and remainder & (1 << (fraction_bits + exponent)):
            result = saturating_rounding_doubling_high_mul(result, factor)
    return result


def _exp_on_last_quarter(a: int) -> int:
    """exp(a) for a in [-1/4, 0), both Q0.31: a Taylor series around -1/8."""
    mul = saturating_rounding_doubling_high_mul
    exp_minus_one_eighth, one_third = 1895147668, 715827883
    x = a + ONE_EIGHTH
    x2 = mul(x, x)
    x3 = mul(x2, x)
    x4_over_4 = rounding_divide_by_power_of_two(mul(x2, x2), 2)
    higher = rounding_divide_by_power_of_two(mul(x4_over_4 + x3, one_third) + x2, 1)
    return exp_minus_one_eighth + mul(exp_minus_one_eighth, x + higher)


def one_over_one_plus_x(x: int) -> int:
    """1 / (1 + x) for x in [0, 1), both Q0.31."""
    return saturating_shift_left(_two_over_one_plus_x(x), 1)


def one_minus_x_over_one_plus_x(x: int) -> int:
    """(1 - x) / (1 + x) for x in [0, 1), both Q0.31."""
    return saturating_shift_left(_two_over_one_plus_x(x) - (1 << 29), 2)


def _two_over_one_plus_x(x: int) -> int:
    """2 / (1 + x) in Q2.29 for x in [0, 1) in Q0.31, by three Newton-Raphson steps."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = (x + INT32_MAX + 1) // 2
    result = 1515870810 + mul(half_denominator, -1010580540)  # 48/17 - 32/17 d
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, result)
        result += saturating_shift_left(mul(result, error), 2)
    return result


def tanh(a: int, integer_bits: int) -> int:
    """tanh(a) in Q0.31 for any a with ``integer_bits`` integer bits, at most 4."""
    if a == 0:
        return 0
    positive = one_minus_x_over_one_plus_x(exp_on_negative_values(-abs(a), integer_bits + 1))
    return positive if a > 0 else -positive


def logistic(a: int, integer_bits: int) -> int:
    """1 / (1 + exp(-a)) in Q0.31 for any a with ``integer_bits`` integer bits, at most 5."""
    if a == 0:
        return 1 << 30
    positive = one_over_one_plus_x(exp_on_negative_values(-abs(a), integer_bits))
    return positive if a > 0 else INT32_MAX - positive


def inverse_sqrt(x: int) -> tuple[int, int]:
    """1 / sqrt(x) as (multiplier, shift) for 0 < x < 2^31; TFLM: GetInvSqrtQuantizedMultiplierExp in common.cc."""
    if x == 1:
        return INT32_MAX, 0
    mul = saturating_rounding_doubling_high_mul
    right_shift = 11
    while x >= 1 << 29:
        x, right_shift = x // 4, right_shift + 1
    pairs = (31 - x.bit_length()) // 2 - 1
    right_shift -= pairs
    half = (x << (2 * pairs)) >> 1
    quarter = rounding_divide_by_power_of_two(half, 1)
    three_halves, half_sqrt_2 = 3 << 27, 1518500250
    root = 1 << 28  # 1 in Q3.28
    for _ in range(5):
        cube = saturating_shift_left(mul(mul(root, root), root), 6)
        root = saturating_shift_left(mul(three_halves, root) - mul(quarter, cube), 3)
    multiplier = mul(root, half_sqrt_2)
    return (multiplier << -right_shift, 0) if right_shift < 0 else (multiplier, -right_shift)
