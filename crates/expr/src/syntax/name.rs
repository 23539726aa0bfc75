//! Names: many spellings, one canonical form.
//!
//! `W1`, `W_1` and `W₁` are one name, as are `eta` and `η`, `d_W` and `∂W`. [`canonical`] gives
//! the form in which names are compared and printed, [`ascii`] a spelling without Unicode where
//! there is one; `canonical(&ascii(name)) == name` for every canonical name.
//!
//! ```
//! use matgrad_expr::syntax::name::{ascii, canonical};
//! assert_eq!(canonical("d_W_1"), "∂W₁");
//! assert_eq!(canonical("beta1"), "β₁");
//! assert_eq!(ascii("Δmin"), "Delta_min");
//! ```

/// Greek letters and the words for them; capitals that look Latin are left out.
const GREEK: &[(char, &str)] = &[
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Γ', "Gamma"),
    ('Δ', "Delta"),
    ('Θ', "Theta"),
    ('Λ', "Lambda"),
    ('Ξ', "Xi"),
    ('Π', "Pi"),
    ('Σ', "Sigma"),
    ('Φ', "Phi"),
    ('Ψ', "Psi"),
    ('Ω', "Omega"),
];

const MARKS: &[(char, &str)] = &[('⁺', "plus"), ('⁻', "minus")];

/// The canonical form of a name as typed.
///
/// Trailing digits become subscripts, a leading Greek word its letter, a leading `d_` the sign
/// `∂`, and `_plus` or `_minus` after a single letter a mark. Words such as `cross_entropy` stay.
pub fn canonical(spelling: &str) -> String {
    let mut rest = spelling;
    let mut prefix = String::new();
    while let Some(inner) = without_partial(rest) {
        prefix.push('∂');
        rest = inner;
    }
    prefix + &marked(rest)
}

/// A spelling of a canonical name in ASCII, or the name itself where none leads back to it.
pub fn ascii(canonical_name: &str) -> String {
    let letters = canonical_name.trim_start_matches('∂');
    let mut text = "d_".repeat(canonical_name.chars().take_while(|&c| c == '∂').count());
    let (body, mark) = split_mark(letters);
    let mut chars = body.chars();
    let first = chars.next();
    let greek = GREEK.iter().find(|(letter, _)| Some(*letter) == first);
    let body = match greek {
        Some((_, word)) => {
            text.push_str(word);
            chars.as_str()
        }
        None => body,
    };
    let tail = body.len() - tail_length(body);
    if greek.is_some() && tail > 0 {
        text.push('_');
    }
    text.push_str(&body[..tail]);
    if tail < body.len() && !(greek.is_some() && tail == 0) {
        text.push('_');
    }
    text.extend(body[tail..].chars().map(plain_digit));
    if let Some(mark) = mark {
        text.push('_');
        text.push_str(mark);
    }
    if canonical(&text) == canonical_name { text } else { canonical_name.to_string() }
}

/// A name in the letters that every programming language takes: that in ASCII, with the code of
/// what has no twin there, as `u174` for `Ŵ`.
pub fn plain(canonical_name: &str) -> String {
    let letter = |c: char| match c {
        '_' => "_".to_string(),
        _ if c.is_ascii_alphanumeric() => c.to_string(),
        _ => format!("u{:x}", c as u32),
    };
    ascii(canonical_name).chars().map(letter).collect()
}

/// What follows a leading `∂` or `d_`, where that makes the name one of a gradient.
fn without_partial(name: &str) -> Option<&str> {
    if let Some(inner) = name.strip_prefix('∂') {
        return Some(inner);
    }
    let inner = name.strip_prefix("d_")?;
    let named = inner.chars().next().is_some_and(|c| c.is_alphabetic() || c == '∂');
    (named && !MARKS.iter().any(|(_, word)| inner == *word)).then_some(inner)
}

fn marked(name: &str) -> String {
    let (base, mark) = split_mark(name);
    let body = subscripted(&greek(base));
    let Some(mark) = mark else { return body };
    let letters = &body[..body.len() - tail_length(&body)];
    let mut chars = letters.chars();
    let first = chars.next();
    let short = chars.next().is_none() || GREEK.iter().any(|(letter, _)| Some(*letter) == first);
    match MARKS.iter().find(|(_, word)| short && *word == mark) {
        Some((sign, _)) => format!("{body}{sign}"),
        None => format!("{body}_{mark}"),
    }
}

/// Splits off a final `⁺`, `⁻`, `_plus` or `_minus`, and gives its word.
fn split_mark(name: &str) -> (&str, Option<&'static str>) {
    for (sign, word) in MARKS {
        let base = name
            .strip_suffix(*sign)
            .or_else(|| name.strip_suffix(word).and_then(|base| base.strip_suffix('_')));
        if let Some(base) = base.filter(|base| !base.is_empty()) {
            return (base, Some(word));
        }
    }
    (name, None)
}

/// Puts the letter for a leading Greek word, and drops the `_` between it and what follows.
fn greek(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(variant);
    if let Some(letter) = first.filter(|c| GREEK.iter().any(|(letter, _)| letter == c)) {
        return format!("{letter}{}", without_underscores(chars.as_str()));
    }
    for (letter, word) in GREEK {
        if let Some(rest) = name.strip_prefix(word) {
            let ends = rest.chars().next().is_none_or(|c| c == '_' || digit(c).is_some());
            if ends {
                return format!("{letter}{}", without_underscores(rest));
            }
        }
    }
    name.to_string()
}

/// Other characters for the same letter.
fn variant(c: char) -> char {
    match c {
        '∆' => 'Δ',
        'Ω' => 'Ω',
        'µ' => 'μ',
        'ϵ' => 'ε',
        'ϕ' => 'φ',
        'ϑ' => 'θ',
        _ => c,
    }
}

fn without_underscores(rest: &str) -> &str {
    let trimmed = rest.trim_start_matches('_');
    if trimmed.is_empty() { rest } else { trimmed }
}

/// Makes the digits at the end subscripts (and those inside plain).
fn subscripted(name: &str) -> String {
    let (letters, tail) = name.split_at(name.len() - tail_length(name));
    let mut text: String = letters.chars().map(plain_digit).collect();
    text.extend(without_underscores(tail).chars().map(|c| match digit(c) {
        Some(value) => char::from_u32('₀' as u32 + value).unwrap_or(c),
        None => c,
    }));
    text
}

/// Bytes at the end of the name that are digits, or `_` before digits.
fn tail_length(name: &str) -> usize {
    let mut length = 0;
    let mut seen = 0;
    for c in name.chars().rev() {
        seen += c.len_utf8();
        match digit(c) {
            Some(_) => length = seen,
            None if c == '_' => length = if length > 0 { seen } else { 0 },
            None => break,
        }
    }
    length
}

/// The value of a digit or a subscript digit.
fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => c.to_digit(10),
        '₀'..='₉' => Some(c as u32 - '₀' as u32),
        _ => None,
    }
}

fn plain_digit(c: char) -> char {
    digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name() {
        for (spelling, name) in [
            ("W1", "W₁"),
            ("W_1", "W₁"),
            ("W₁", "W₁"),
            ("W_12", "W₁₂"),
            ("W1_2", "W₁_₂"),
            ("W_1_2", "W₁_₂"),
            ("eta", "η"),
            ("beta1", "β₁"),
            ("beta_1", "β₁"),
            ("Delta_min", "Δmin"),
            ("Δ_min", "Δmin"),
            ("Delta_0", "Δ₀"),
            ("eta_plus", "η⁺"),
            ("eta_minus", "η⁻"),
            ("η⁻", "η⁻"),
            ("betamax", "betamax"),
            ("pinch", "pinch"),
            ("Sigma", "Σ"),
            ("d_W", "∂W"),
            ("d_W_1", "∂W₁"),
            ("d_d_W", "∂∂W"),
            ("d_eta", "∂η"),
            ("d_1", "d₁"),
            ("d_plus", "d⁺"),
            ("cross_entropy", "cross_entropy"),
            ("rprop_plus", "rprop_plus"),
            ("conv2d", "conv2d"),
            ("h₁_out", "h1_out"),
            ("U_plus", "U⁺"),
            ("Delta_max_plus", "Δmax⁺"),
        ] {
            assert_eq!(canonical(spelling), name, "{spelling}");
        }
    }

    #[test]
    fn ascii_twins() {
        for (name, twin) in [
            ("W₁", "W_1"),
            ("η", "eta"),
            ("β₁", "beta1"),
            ("Δmin", "Delta_min"),
            ("Δmin₀", "Delta_min_0"),
            ("η⁺", "eta_plus"),
            ("∂W₁", "d_W_1"),
            ("W₁_₂", "W_1_2"),
            ("cross_entropy", "cross_entropy"),
            ("Ŷ", "Ŷ"),
        ] {
            assert_eq!(ascii(name), twin, "{name}");
            assert_eq!(canonical(twin), name, "{twin}");
        }
    }

    #[test]
    fn plain_letters() {
        for (name, letters) in [("W₁", "W_1"), ("Ŵ", "u174"), ("∂Ŵ₂", "d_u174_2"), ("x_", "x_")]
        {
            assert_eq!(plain(name), letters);
        }
    }

    proptest! {
        #[test]
        fn canonical_is_stable_and_ascii_leads_back(
            parts in prop::collection::vec(prop::sample::select(vec![
                "d_", "∂", "_", "1", "2", "₁", "₀", "W", "x", "eta", "η", "Delta", "α", "plus",
                "_plus", "_minus", "⁺", "⁻", "min", "rprop", "ᵢ", "Ω", "∆",
            ]), 1..7),
        ) {
            let name = canonical(&parts.concat());
            prop_assert_eq!(&canonical(&name), &name);
            prop_assert_eq!(&canonical(&ascii(&name)), &name);
        }
    }
}
