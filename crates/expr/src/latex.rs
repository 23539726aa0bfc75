//! Equations as LaTeX, for documents with amsmath and amssymb.
//!
//! Beside [`crate::print`], after the graph is built. Where parentheses stand is decided once, in
//! `formula`, which [`crate::mathml`] shares: it turns an expression into a `Formula`, and
//! each notation only spells that out.
//!
//! ```
//! use matgrad_expr::{elaborate, latex, library::Library};
//! let page = "input X : B×4\nparam W_1 : 4×3\nZ = X W_1 / rows(X)\n";
//! let page = elaborate::read("page", page, &Library::parse(&[]).unwrap()).unwrap();
//! assert_eq!(latex::latex(&page.graph, page.definitions[0]), r"\frac{X\,W_{1}}{B}");
//! ```

pub(crate) mod formula;

use crate::graph::{Graph, NodeId};
use crate::print::equation;
use crate::syntax::ascii;
use formula::{Formula, NameParts, Sign, formula, is_greek};

/// The equation of a node in LaTeX (math mode); the node itself is written out even when it has a
/// name.
pub fn latex(graph: &Graph, id: NodeId) -> String {
    spell(&formula(&equation(graph, id)))
}

/// A name alone, such as `W_{1}` or `\partial Z`.
pub fn latex_name(canonical: &str) -> String {
    spell(&Formula::Name(NameParts::of(canonical)))
}

fn spell(formula: &Formula) -> String {
    match formula {
        Formula::Row(parts) => parts.iter().map(spell).collect(),
        Formula::Number(digits, None) => digits.clone(),
        Formula::Number(digits, Some(exponent)) => format!(r"{digits} \cdot 10^{{{exponent}}}"),
        Formula::Name(name) => spell_name(name),
        Formula::Function(name) if name.chars().count() == 1 => spell_name(&NameParts::of(name)),
        Formula::Function(name) => format!(r"\operatorname{{{}}}", plain(&ascii(name))),
        Formula::Bold('I') => "I".into(),
        Formula::Bold(c) => format!(r"\mathbf{{{c}}}"),
        Formula::Sign(sign) => spell_sign(*sign).into(),
        Formula::Round(inside) => format!(r"\left({}\right)", spell(inside)),
        Formula::Square(inside) => format!(r"\left[{}\right]", spell(inside)),
        Formula::Fraction(a, b) => format!(r"\frac{{{}}}{{{}}}", spell(a), spell(b)),
        Formula::Above(a, b) => format!("{}^{{{}}}", spell(a), spell(b)),
        Formula::Below(a, b) => format!("{}_{{{}}}", spell(a), spell(b)),
        Formula::Matrix(rows) => {
            let row = |row: &Vec<Formula>| row.iter().map(spell).collect::<Vec<_>>().join(" & ");
            let rows: Vec<String> = rows.iter().map(row).collect();
            format!(r"\begin{{bmatrix}} {} \end{{bmatrix}}", rows.join(r" \\ "))
        }
    }
}

fn spell_name(name: &NameParts) -> String {
    let letters = |word: &str| {
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if is_greek(c) => format!(r"\{}", ascii(word)),
            (Some(_), None) => word.to_string(),
            _ => format!(r"\mathrm{{{}}}", plain(word)),
        }
    };
    let mut text = r"\partial ".repeat(name.partials) + &letters(&name.body);
    if !name.word.is_empty() || !name.digits.is_empty() {
        let word = if name.word.is_empty() { String::new() } else { letters(&name.word) };
        text += &format!("_{{{word}{}}}", name.digits);
    }
    if let Some(mark) = name.mark {
        text += &format!("^{{{mark}}}");
    }
    text
}

/// Text in which nothing commands.
fn plain(text: &str) -> String {
    text.replace('_', r"\_")
}

fn spell_sign(sign: Sign) -> &'static str {
    match sign {
        Sign::Plus => " + ",
        Sign::Minus => " - ",
        Sign::Negative => "-",
        Sign::Product => r"\,",
        Sign::Dot => r" \cdot ",
        Sign::Hadamard => r" \odot ",
        Sign::Quotient => r" \oslash ",
        Sign::Greater => " > ",
        Sign::GreaterEqual => r" \ge ",
        Sign::Transpose => r"\top",
        Sign::Inverse => "-1",
        Sign::Each => r"\circ ",
        Sign::Times => r" \times ",
        Sign::Equal => " = ",
        Sign::Comma => ", ",
        Sign::Colon => ":",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::elaborate::read;
    use crate::library::Library;

    #[test]
    fn all_that_is_written() {
        let source = "input X : B×4\nparam W_1 : 4×3\nparam S : 3×3\nparam b : 1×3\n\
            param eta : 1×1\nparam Delta_min : 1×1\nparam bias_2 : B×3\nparam eta_plus : 1×1\n\
            d_Z = softmax(X W_1 + b) / rows(X)\nA = X' (bias_2 .* (X W_1))\n\
            C = (bias_2 .^ 2 ./ (bias_2 + 1)) S⁻¹'\nD = 2e-7 (-S')\nE = [1 -2; 3 4] [1; 0.5]\n\
            F = eta ^ 2 (eta_plus ^ 2) / (Delta_min + 1)\nG = X[2:3, :] - 1 > 0\n\
            H = colsum(d_Z)\nJ = 3 (bias_2 - ones(rows(X)) b)\n";
        let files = [("f", include_str!("../../library/src/activations.eq"))];
        let library = Library::parse(&files).unwrap();
        let page = read("page", source, &library).unwrap_or_else(|e| panic!("{e}"));
        let lines = page.definitions.iter().map(|&id| {
            let name = &page.graph.name(id).unwrap().text;
            format!("{} &= {}\n", latex_name(name), latex(&page.graph, id))
        });
        expect![[r#"
            \partial Z &= \frac{\operatorname{softmax}\left(X\,W_{1} + b\right)}{B}
            A &= X^{\top}\,\left(\mathrm{bias}_{2} \odot \left(X\,W_{1}\right)\right)
            C &= \left(\mathrm{bias}_{2}^{\circ 2} \oslash \left(\mathrm{bias}_{2} + 1\right)\right)\,\left(S^{-1}\right)^{\top}
            D &= 2 \cdot 10^{-7}\,\left(-S^{\top}\right)
            E &= \begin{bmatrix} 1 & -2 \\ 3 & 4 \end{bmatrix}\,\begin{bmatrix} 1 \\ 0.5 \end{bmatrix}
            F &= \frac{\eta^{2}\,\left(\eta^{+}\right)^{2}}{\Delta_{\mathrm{min}} + 1}
            G &= X\left[2:3, :\right] - 1 > 0
            H &= \mathbf{1}^{\top}\,\partial Z
            J &= 3\,\left(\mathrm{bias}_{2} - b\right)
        "#]].assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn names_stay_apart() {
        assert_eq!(["x", "x_", "x₁_₂"].map(latex_name), ["x", r"\mathrm{x\_}", "x_{1,2}"]);
    }
}
