//! Which characters make names, numbers and exponents.

/// What is written above the line: `²`, `⁻¹`, `ᵖ`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Exponent {
    Number { negative: bool, value: f64 },
    Name { negative: bool, letter: char },
}

const DIGITS: &[char] = &['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// Letters that exist above the line, and what they are on it.
const LETTERS: &[(char, char)] = &[
    ('ᵃ', 'a'),
    ('ᵇ', 'b'),
    ('ᶜ', 'c'),
    ('ᵈ', 'd'),
    ('ᵉ', 'e'),
    ('ᶠ', 'f'),
    ('ᵍ', 'g'),
    ('ʰ', 'h'),
    ('ⁱ', 'i'),
    ('ʲ', 'j'),
    ('ᵏ', 'k'),
    ('ˡ', 'l'),
    ('ᵐ', 'm'),
    ('ⁿ', 'n'),
    ('ᵒ', 'o'),
    ('ᵖ', 'p'),
    ('ʳ', 'r'),
    ('ˢ', 's'),
    ('ᵗ', 't'),
    ('ᵘ', 'u'),
    ('ᵛ', 'v'),
    ('ʷ', 'w'),
    ('ˣ', 'x'),
    ('ʸ', 'y'),
    ('ᶻ', 'z'),
    ('ᵝ', 'β'),
    ('ᵞ', 'γ'),
    ('ᵟ', 'δ'),
    ('ᶿ', 'θ'),
    ('ᵠ', 'φ'),
    ('ᵡ', 'χ'),
];

/// The digits of a whole number above the line.
pub(super) fn raised(digits: &str) -> String {
    let raise = |c: char| c.to_digit(10).and_then(|digit| DIGITS.get(digit as usize)).copied();
    digits.chars().filter_map(raise).collect()
}

/// The letter above the line, for a name of one letter that has one.
pub(super) fn raised_name(name: &str) -> Option<char> {
    let mut chars = name.chars();
    let letter = chars.next().filter(|_| chars.next().is_none())?;
    LETTERS.iter().find(|(_, plain)| *plain == letter).map(|(above, _)| *above)
}

/// Bytes of the name that a text begins with.
pub(super) fn name_length(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches('∂');
    let first = rest.chars().next()?;
    if !is_letter(first) {
        return None;
    }
    let end = rest.find(|c| !is_inside_name(c)).unwrap_or(rest.len());
    let mut after = rest[end..].chars();
    let mark = match (after.next(), after.next()) {
        (Some(c @ '⁺'), _) => c.len_utf8(),
        (Some(c @ '⁻'), next) if !next.is_some_and(is_superscript) => c.len_utf8(),
        _ => 0,
    };
    Some(text.len() - rest.len() + end + mark)
}

/// Bytes of the number that a text begins with: `1`, `.5`, `0.15`, `1e-3`.
pub(super) fn number_length(text: &str) -> Option<usize> {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(0);
    let mut end = whole;
    if text[end..].starts_with('.') {
        let fraction = digits(end + 1);
        let operator = text[end + 1..].starts_with(['*', '/', '^', '\'']);
        if fraction > 0 || (whole > 0 && !operator) {
            end += 1 + fraction;
        }
    }
    if end == 0 {
        return None;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let power = digits(end + 1 + sign);
        if power > 0 {
            end += 1 + sign + power;
        }
    }
    Some(end)
}

/// The exponent that a text begins with, and its bytes.
pub(super) fn exponent(text: &str) -> Option<(Exponent, usize)> {
    let rest = text.strip_prefix(['⁻', '⁺']).unwrap_or(text);
    let negative = text.starts_with('⁻');
    let sign = text.len() - rest.len();
    let first = rest.chars().next()?;
    if let Some((above, letter)) = LETTERS.iter().find(|(above, _)| *above == first) {
        return Some((Exponent::Name { negative, letter: *letter }, sign + above.len_utf8()));
    }
    let mut digits = String::new();
    let mut length = sign;
    for c in rest.chars() {
        let Some(digit) = DIGITS.iter().position(|d| *d == c) else { break };
        digits.push_str(&digit.to_string());
        length += c.len_utf8();
    }
    let value = digits.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((Exponent::Number { negative, value }, length))
}

/// The sign that cannot be read, and what to write instead.
pub(super) fn unknown(rest: &str, first: char) -> (String, Option<&'static str>) {
    let known = INSTEAD.iter().find(|(sign, _)| rest.starts_with(sign));
    match known {
        Some((sign, help)) => (sign.to_string(), Some(help)),
        None => (first.to_string(), None),
    }
}

/// Signs of other languages and books, and what stands for them here.
const INSTEAD: &[(&str, &str)] = &[
    ("<=", "write `B >= A` for `A <= B`"),
    ("≤", "write `B >= A` for `A ≤ B`"),
    ("<", "write `B > A` for `A < B`"),
    ("!=", "there are only the tests `A > B` and `A >= B`"),
    ("≠", "there are only the tests `A > B` and `A >= B`"),
    ("!", "there are only the tests `A > B` and `A >= B`"),
    ("%", "a comment begins with `#`"),
    ("//", "a comment begins with `#`"),
    ("{", "brackets are `( )`, and `[ ]` for literals and indices"),
    ("}", "brackets are `( )`, and `[ ]` for literals and indices"),
    ("@", "the matrix product is written `A B` or `A * B`"),
    ("‖", "norms are written `norm(A)` and `norm1(A)`"),
    ("|", "write `abs(A)`, `norm(A)` or `det(A)`"),
    ("∑", "write `sum(A)`, `rowsum(A)` or `colsum(A)`"),
    ("∏", "there is no product over elements; write `exp(sum(log(A)))`"),
    ("√", "write `sqrt(A)`"),
    ("∇", "gradients are named `∂W` (`d_W`)"),
    ("∂", "a gradient is named `∂` directly followed by a name: `∂W`"),
    ("’", "the transpose is written `A'` or `Aᵀ`"),
    ("′", "the transpose is written `A'` or `Aᵀ`"),
    ("⊗", "write `kron(A, B)`, or `A ⊙ B` for the element-wise product"),
    ("∙", "the matrix product is written `A B` or `A * B`"),
    ("÷", "write `A / s` or `A ⊘ B`"),
    ("_", "a name begins with a letter"),
    (".", "a decimal point stands before or between digits; the transpose is written `A'`"),
    ("\\", "write `inv(A) B` for `A \\ B`"),
    ("\"", "there are no strings"),
    ("⁺", "an exponent is written above the line as a whole: `s²`, `A⁻¹`, or `s ^ 2`"),
    ("⁻", "an exponent is written above the line as a whole: `s²`, `A⁻¹`, or `s ^ 2`"),
];

fn is_letter(c: char) -> bool {
    c == '∆' || (c.is_alphabetic() && !is_superscript(c) && !is_subscript(c))
}

fn is_inside_name(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || c == '_' || is_subscript(c) || is_accent(c)
}

fn is_superscript(c: char) -> bool {
    DIGITS.contains(&c) || matches!(c, 'ʰ'..='ˤ' | 'ᴬ'..='ᵡ' | 'ᵸ' | 'ᶛ'..='ᶿ' | 'ⁱ' | 'ⁿ' | 'ⱽ')
}

fn is_subscript(c: char) -> bool {
    matches!(c, '₀'..='₉' | 'ₐ'..='ₜ' | 'ᵢ'..='ᵪ' | 'ⱼ')
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20f0}')
}
