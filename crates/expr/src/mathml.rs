//! Equations as MathML, for pages on the web.
//!
//! Beside [`crate::latex`], which decides where parentheses stand.
//!
//! ```
//! use matgrad_expr::{elaborate, library::Library, mathml};
//! let page = "input X : B×4\nZ = Xᵀ X\n";
//! let page = elaborate::read("page", page, &Library::parse(&[]).unwrap()).unwrap();
//! assert!(mathml::mathml(&page.graph, page.definitions[0]).contains("<mo>⊤</mo></msup>"));
//! ```

use crate::graph::{Graph, NodeId};
use crate::latex::formula::{Formula, NameParts, Sign, formula};
use crate::print::equation;

/// The equation of a node as a complete `<math>` element; the node itself is written out even
/// when it has a name. Each name is an element that bears it, in canonical form, as `data-name`.
pub fn mathml(graph: &Graph, id: NodeId) -> String {
    complete(&formula(&equation(graph, id)))
}

/// `name = …` as a complete `<math>` element.
pub fn mathml_equation(canonical: &str, graph: &Graph, id: NodeId) -> String {
    let left = Formula::Name(NameParts::of(canonical));
    complete(&Formula::Row(vec![left, Formula::Sign(Sign::Equal), formula(&equation(graph, id))]))
}

/// A name alone, as a complete `<math>` element.
pub fn mathml_name(canonical: &str) -> String {
    complete(&Formula::Name(NameParts::of(canonical)))
}

fn complete(formula: &Formula) -> String {
    let inside = spell(formula);
    format!("<math xmlns=\"http://www.w3.org/1998/Math/MathML\">{inside}</math>")
}

fn tag(name: &str, inside: &str) -> String {
    ["<", name, ">", inside, "</", name, ">"].concat()
}

/// As one element, which scripts and fractions need.
fn spell(formula: &Formula) -> String {
    let two = |name: &str, a: &Formula, b: &Formula| tag(name, &(spell(a) + &spell(b)));
    match formula {
        Formula::Row(parts) => tag("mrow", &parts.iter().map(spell).collect::<String>()),
        Formula::Number(digits, None) => tag("mn", digits),
        Formula::Number(digits, Some(exponent)) => {
            let sign = if *exponent < 0 { tag("mo", "−") } else { String::new() };
            let exponent = tag("mrow", &(sign + &tag("mn", &exponent.abs().to_string())));
            let ten = tag("msup", &(tag("mn", "10") + &exponent));
            tag("mrow", &(tag("mn", digits) + &tag("mo", "·") + &ten))
        }
        Formula::Name(name) => spell_name(name),
        Formula::Function(name) => tag("mi", &escape(name)) + &tag("mo", "&#x2061;"),
        Formula::Bold('I') => tag("mi", "I"),
        Formula::Bold('1') => tag("mn", "𝟏"),
        Formula::Bold(c) => tag("mi", &c.to_string()),
        Formula::Sign(sign) => spell_sign(*sign),
        Formula::Round(inside) => fenced("(", inside, ")"),
        Formula::Square(inside) => fenced("[", inside, "]"),
        Formula::Fraction(a, b) => two("mfrac", a, b),
        Formula::Above(a, b) => two("msup", a, b),
        Formula::Below(a, b) => two("msub", a, b),
        Formula::Matrix(rows) => {
            let row = |row: &Vec<Formula>| {
                tag("mtr", &row.iter().map(|e| tag("mtd", &spell(e))).collect::<String>())
            };
            let table = tag("mtable", &rows.iter().map(row).collect::<String>());
            tag("mrow", &(tag("mo", "[") + &table + &tag("mo", "]")))
        }
    }
}

fn fenced(open: &str, inside: &Formula, close: &str) -> String {
    tag("mrow", &(tag("mo", open) + &spell(inside) + &tag("mo", close)))
}

fn spell_name(name: &NameParts) -> String {
    let marked = format!(" data-name=\"{}\">", escape(&name.canonical).replace('"', "&quot;"));
    letters(name).replacen('>', &marked, 1)
}

fn letters(name: &NameParts) -> String {
    let body = tag("mi", &escape(&name.body));
    let word = if name.word.is_empty() { String::new() } else { tag("mi", &escape(&name.word)) };
    let digits = if name.digits.is_empty() { String::new() } else { tag("mn", &name.digits) };
    let below = tag("mrow", &(word + &digits));
    let above = name.mark.map(|mark| tag("mo", if mark == '+' { "+" } else { "−" }));
    let bare = name.word.is_empty() && name.digits.is_empty();
    let letter = match (bare, above) {
        (true, None) => body,
        (true, Some(above)) => tag("msup", &(body + &above)),
        (false, None) => tag("msub", &(body + &below)),
        (false, Some(above)) => tag("msubsup", &(body + &below + &above)),
    };
    if name.partials == 0 {
        return letter;
    }
    tag("mrow", &(tag("mo", "∂").repeat(name.partials) + &letter))
}

fn escape(text: &str) -> String {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn spell_sign(sign: Sign) -> String {
    let text = match sign {
        Sign::Plus => "+",
        Sign::Minus | Sign::Negative => "−",
        Sign::Product => "&#x2062;",
        Sign::Dot => "·",
        Sign::Hadamard => "⊙",
        Sign::Quotient => "⊘",
        Sign::Greater => "&gt;",
        Sign::GreaterEqual => "≥",
        Sign::Transpose => "⊤",
        Sign::Inverse => return tag("mrow", &(tag("mo", "−") + &tag("mn", "1"))),
        Sign::Each => "∘",
        Sign::Times => "×",
        Sign::Equal => "=",
        Sign::Comma => ",",
        Sign::Colon => ":",
    };
    if sign == Sign::Negative {
        return format!("<mo form=\"prefix\">{text}</mo>");
    }
    tag("mo", text)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::elaborate::read;
    use crate::library::Library;

    #[test]
    fn all_that_is_written() {
        let source = "input X : B×4\nparam W_1 : 4×3\nparam η_plus : 1×1\n\
            A = -(X W_1)' / rows(X)\nC = (W_1 .^ 2) .* exp(W_1 > 0)\nD = [1 2; 3 -4] * 1e-7\n\
            E = W_1 + η_plus\n";
        let page = read("page", source, &Library::parse(&[]).unwrap()).unwrap();
        let lines = page.definitions.iter().map(|&id| mathml(&page.graph, id) + "\n");
        let text = lines.collect::<String>() + &mathml_name("∂W₁") + "\n";
        expect![[r#"
            <math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><mo form="prefix">−</mo><mfrac><msup><mrow><mo>(</mo><mrow><mi data-name="X">X</mi><mo>&#x2062;</mo><msub data-name="W₁"><mi>W</mi><mrow><mn>1</mn></mrow></msub></mrow><mo>)</mo></mrow><mo>⊤</mo></msup><mi data-name="B">B</mi></mfrac></mrow></math>
            <math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><msup><msub data-name="W₁"><mi>W</mi><mrow><mn>1</mn></mrow></msub><mrow><mo>∘</mo><mn>2</mn></mrow></msup><mo>⊙</mo><mrow><mi>exp</mi><mo>&#x2061;</mo><mrow><mo>(</mo><mrow><mrow><msub data-name="W₁"><mi>W</mi><mrow><mn>1</mn></mrow></msub><mo>&gt;</mo><mn>0</mn></mrow></mrow><mo>)</mo></mrow></mrow></mrow></math>
            <math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><mrow><mn>1</mn><mo>·</mo><msup><mn>10</mn><mrow><mo>−</mo><mn>7</mn></mrow></msup></mrow><mo>&#x2062;</mo><mrow><mo>[</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd><mtd><mrow><mo form="prefix">−</mo><mn>4</mn></mrow></mtd></mtr></mtable><mo>]</mo></mrow></mrow></math>
            <math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><msub data-name="W₁"><mi>W</mi><mrow><mn>1</mn></mrow></msub><mo>+</mo><msup data-name="η⁺"><mi>η</mi><mo>+</mo></msup></mrow></math>
            <math xmlns="http://www.w3.org/1998/Math/MathML"><mrow data-name="∂W₁"><mo>∂</mo><msub><mi>W</mi><mrow><mn>1</mn></mrow></msub></mrow></math>
        "#]].assert_eq(&text);
        // Every element that opens closes again.
        let mut open = Vec::new();
        for part in text.split('<').skip(1) {
            let name = part.split(['>', ' ']).next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None => open.push(name),
            }
        }
        assert!(open.is_empty());
    }
}
