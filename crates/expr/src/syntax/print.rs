//! Trees become text in canonical form.

use std::fmt;

use super::characters::{raised, raised_name};
use super::declare::keyword;
use super::name;
use super::precedence::{Level, Piece, infix};
use super::primary::OPTIONS;
use super::shape::{reads_as_shape, stands_between_x};
use super::tree::{
    Argument, Backward, Binary, Declaration, Definition, Dim, Expr, ExprKind, Function, Initial,
    Name, Optimizer, Page, Parameter, Range, Shape, Statement, Unary,
};

/// The text of a page, with Unicode signs or (`ascii`) with their twins.
pub fn print_page(page: &Page, ascii: bool) -> String {
    let printer = Printer { ascii };
    let mut text = String::new();
    for item in &page.items {
        for line in &item.above {
            text.push_str(line);
            text.push('\n');
        }
        let mut lines = printer.statement(&item.statement).into_iter();
        text.push_str(&lines.next().unwrap_or_default());
        if let Some(comment) = &item.beside {
            text.push_str("  ");
            text.push_str(comment);
        }
        text.push('\n');
        for line in lines {
            text.push_str("  ");
            text.push_str(&line);
            text.push('\n');
        }
    }
    for line in &page.tail {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The text of an expression, with Unicode signs or (`ascii`) with their twins.
pub fn print_expr(expr: &Expr, ascii: bool) -> String {
    Printer { ascii }.expr(expr).shown
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_page(self, false))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_expr(self, false))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Printer { ascii: false }.shape(self))
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Printer { ascii: false }.dim(self))
    }
}

fn round(text: String) -> String {
    format!("({text})")
}

struct Printer {
    ascii: bool,
}

impl Printer {
    /// One of two twins.
    fn twin<'t>(&self, unicode: &'t str, ascii: &'t str) -> &'t str {
        if self.ascii { ascii } else { unicode }
    }

    fn name(&self, name: &Name) -> String {
        if self.ascii { name::ascii(&name.text) } else { name.text.clone() }
    }

    /// The lines of a statement, without indentation.
    fn statement(&self, statement: &Statement) -> Vec<String> {
        match statement {
            Statement::Declaration(declaration) => vec![self.declaration(declaration)],
            Statement::Definition(definition) => {
                let mut lines = vec![self.definition(definition, "=")];
                lines.extend(self.parts(&definition.parts));
                lines
            }
            Statement::Function(function) => self.function(function),
            Statement::Optimizer(optimizer) => self.optimizer(optimizer),
            Statement::Minimize(objective) => {
                vec![format!("minimize {}", self.expr(objective).shown)]
            }
        }
    }

    fn declaration(&self, declaration: &Declaration) -> String {
        let mut text = format!("{} {}", keyword(declaration.role), self.name(&declaration.name));
        if let Some(shape) = &declaration.shape {
            text.push_str(&format!(" : {}", self.shape(shape)));
        }
        match &declaration.initial {
            None => {}
            Some(Initial::Value(value)) => text.push_str(&format!(" = {}", self.expr(value).shown)),
            Some(Initial::Draw { name, arguments }) => {
                text.push_str(&format!(" ~ {}", self.name(name)));
                if !arguments.is_empty() {
                    let arguments = arguments.iter().map(|argument| self.expr(argument).shown);
                    text.push_str(&format!("({})", join(arguments)));
                }
            }
        }
        text
    }

    fn definition(&self, definition: &Definition, sign: &str) -> String {
        format!("{} {sign} {}", self.name(&definition.name), self.expr(&definition.value).shown)
    }

    fn parts(&self, parts: &[Definition]) -> Vec<String> {
        parts.iter().map(|part| format!("where {}", self.definition(part, "="))).collect()
    }

    fn function(&self, function: &Function) -> Vec<String> {
        let keyword = if function.layer { "layer " } else { "" };
        let name = self.name(&function.name);
        let parameters = self.parameters(&function.parameters);
        let body = self.expr(&function.body).shown;
        let mut lines = vec![format!("{keyword}{name}({parameters}) = {body}")];
        lines.extend(function.owned.iter().map(|owned| self.declaration(owned)));
        lines.extend(self.parts(&function.parts));
        let arrow = self.twin("←", "<-");
        lines.extend(function.updates.iter().map(|update| self.definition(update, arrow)));
        lines.extend(function.backward.iter().map(|backward| self.backward(backward)));
        lines
    }

    fn backward(&self, backward: &Backward) -> String {
        let keyword = if backward.surrogate { "surrogate" } else { "adjoint" };
        let gradient = format!("∂{}", backward.of.text);
        let gradient = if self.ascii { name::ascii(&gradient) } else { gradient };
        let value = self.expr(&backward.value).shown;
        format!("{keyword} {}: {gradient} = {value}", self.name(&backward.output))
    }

    fn parameters(&self, parameters: &[Parameter]) -> String {
        join(parameters.iter().map(|parameter| {
            let mut text = self.name(&parameter.name);
            if let Some(shape) = &parameter.shape {
                text.push_str(&format!(": {}", self.shape(shape)));
            }
            if let Some(default) = &parameter.default {
                text.push_str(&format!(" = {}", self.expr(default).shown));
            }
            text
        }))
    }

    fn optimizer(&self, optimizer: &Optimizer) -> Vec<String> {
        let name = self.name(&optimizer.name);
        let parameters = self.parameters(&optimizer.parameters);
        let mut lines = vec![format!("optimizer {name}({parameters})")];
        let states = optimizer.states.iter().map(|state| self.definition(state, "="));
        let absent = usize::from(optimizer.states.is_empty());
        if absent == 0 {
            lines.push(format!("state {}", join(states)));
        }
        let arrow = self.twin("←", "<-");
        lines.extend(optimizer.updates.iter().map(|update| self.definition(update, arrow)));
        let last = lines.len() - 1;
        for (index, comment) in &optimizer.comments {
            let line = &mut lines[(index + 1).saturating_sub(absent).min(last)];
            line.push_str("  ");
            line.push_str(comment);
        }
        lines
    }

    fn shape(&self, shape: &Shape) -> String {
        self.dims(&[shape.rows.clone(), shape.cols.clone()])
    }

    fn dims(&self, dims: &[Dim]) -> String {
        let dims: Vec<String> = dims.iter().map(|dim| self.dim(dim)).collect();
        dims.join(self.twin("×", " x "))
    }

    /// A shape as an argument, where `A x B` may be a product and only `AxB` cannot.
    fn shape_argument(&self, dims: &[Dim]) -> String {
        let mut symbols = dims.iter().flat_map(|dim| &dim.symbols);
        let together = symbols.all(|symbol| stands_between_x(&self.name(symbol)));
        let dims: Vec<String> = dims.iter().map(|dim| self.dim(dim)).collect();
        dims.join(if self.ascii && together { "x" } else { "×" })
    }

    fn dim(&self, dim: &Dim) -> String {
        let number =
            (dim.coefficient != 1 || dim.symbols.is_empty()).then(|| dim.coefficient.to_string());
        let symbols = dim.symbols.iter().map(|symbol| self.name(symbol));
        let factors: Vec<String> = number.into_iter().chain(symbols).collect();
        factors.join(self.twin("·", "*"))
    }

    fn range(&self, range: &Range) -> String {
        match range {
            Range::All => ":".to_string(),
            Range::Span(first, last) if first == last => self.dim(first),
            Range::Span(first, last) => format!("{}:{}", self.dim(first), self.dim(last)),
            Range::After(before, last) => format!("{}+1:{}", self.dim(before), self.dim(last)),
        }
    }

    fn expr(&self, expr: &Expr) -> Piece<String> {
        match &expr.kind {
            ExprKind::Number(value) => {
                let level = if value.is_sign_negative() { Level::Sign } else { Level::Primary };
                Piece::new(number(*value), level)
            }
            ExprKind::Name(name) => Piece::new(self.name(name), Level::Primary),
            ExprKind::Literal(rows) => {
                let row = |row: &Vec<f64>| {
                    let entries: Vec<String> = row.iter().map(|entry| number(*entry)).collect();
                    entries.join(" ")
                };
                let rows: Vec<String> = rows.iter().map(row).collect();
                Piece::new(format!("[{}]", rows.join("; ")), Level::Primary)
            }
            ExprKind::Ones => Piece::new(self.twin("𝟏", "ones").to_string(), Level::Primary),
            ExprKind::Identity => Piece::new("I".to_string(), Level::Primary),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand),
            ExprKind::Binary(operator, left, right) => self.binary(*operator, left, right),
            ExprKind::Call(name, arguments) => {
                let arguments = arguments
                    .iter()
                    .enumerate()
                    .map(|(index, argument)| self.argument(argument, index > 0));
                let text = format!("{}({})", self.name(name), join(arguments));
                Piece::new(text, Level::Primary)
            }
            ExprKind::Index(of, rows, cols) => {
                let of = self.expr(of).at(Level::Postfix, round);
                let text = format!("{of}[{}, {}]", self.range(rows), self.range(cols));
                Piece::new(text, Level::Postfix)
            }
        }
    }

    fn unary(&self, operator: Unary, operand: &Expr) -> Piece<String> {
        match operator {
            Unary::Negative => {
                let text = format!("-{}", self.expr(operand).at(Level::Product, round));
                Piece::new(text, Level::Sign)
            }
            Unary::Transpose => {
                let text = format!("{}{}", self.base(operand), self.twin("ᵀ", "'"));
                Piece::new(text, Level::Postfix)
            }
            Unary::Inverse if self.ascii => {
                Piece::new(format!("inv({})", self.expr(operand).shown), Level::Primary)
            }
            Unary::Inverse => Piece::new(format!("{}⁻¹", self.base(operand)), Level::Postfix),
        }
    }

    /// What stands before something above the line.
    fn base(&self, expr: &Expr) -> String {
        let text = self.expr(expr).at(Level::Postfix, round);
        if text.ends_with('⁻') { format!("({text})") } else { text }
    }

    fn binary(&self, operator: Binary, left: &Expr, right: &Expr) -> Piece<String> {
        let sign = match operator {
            Binary::Power | Binary::ElementPower => return self.power(operator, left, right),
            Binary::Product if self.ascii => " * ",
            Binary::Product => " ",
            Binary::Hadamard => self.twin(" ⊙ ", " .* "),
            Binary::Quotient => self.twin(" ⊘ ", " ./ "),
            Binary::Division => " / ",
            Binary::Sum => " + ",
            Binary::Difference => " - ",
            Binary::Greater => " > ",
            Binary::GreaterEqual => self.twin(" ≥ ", " >= "),
        };
        let join = |left: String, right: String| {
            // Two numbers beside each other would be one.
            let number = right.trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit());
            let sign = if operator == Binary::Product && number { " * " } else { sign };
            format!("{left}{sign}{right}")
        };
        infix(operator, (left, right), |e| self.expr(e), round, join)
    }

    fn power(&self, operator: Binary, base: &Expr, exponent: &Expr) -> Piece<String> {
        let above = match (&exponent.kind, operator) {
            _ if self.ascii => None,
            (ExprKind::Unary(Unary::Negative, inner), _) => self
                .above(inner)
                .map(|text| format!("⁻{text}"))
                .filter(|text| text != "⁻¹" || operator == Binary::ElementPower),
            (_, _) => self.above(exponent),
        };
        let inverse = matches!(base.kind, ExprKind::Unary(Unary::Inverse, _));
        let base =
            if inverse { self.expr(base).at(Level::Primary, round) } else { self.base(base) };
        let elementwise = operator == Binary::ElementPower;
        let sign = if elementwise { self.twin("∘", " .^ ") } else { "^" };
        let text = match above {
            Some(above) if elementwise => format!("{base}∘{above}"),
            Some(above) => format!("{base}{above}"),
            None => format!("{base}{sign}{}", self.exponent(exponent)),
        };
        Piece::new(text, Level::Power)
    }

    /// The exponent above the line, if it exists there.
    fn above(&self, exponent: &Expr) -> Option<String> {
        if let ExprKind::Name(name) = &exponent.kind {
            return raised_name(&name.text).map(String::from);
        }
        let ExprKind::Number(value) = exponent.kind else { return None };
        let whole = value.fract() == 0.0 && (0.0..1e9).contains(&value);
        (whole && value.is_sign_positive()).then(|| raised(&number(value)))
    }

    /// The exponent on the line.
    fn exponent(&self, exponent: &Expr) -> String {
        let text = self.expr(exponent).shown;
        let mut size = &exponent.kind;
        if let ExprKind::Unary(Unary::Negative, inner) = size {
            size = &inner.kind;
        }
        let plain = matches!(size, ExprKind::Name(_))
            || matches!(size, ExprKind::Number(value) if value.is_sign_positive());
        if plain { text } else { format!("({text})") }
    }

    fn argument(&self, argument: &Argument, later: bool) -> String {
        match argument {
            Argument::Value(value) => {
                let text = self.expr(value).shown;
                if self.reads_otherwise(value, later) { format!("({text})") } else { text }
            }
            Argument::Named(name, value) => {
                format!("{} = {}", self.name(name), self.expr(value).shown)
            }
            Argument::Shape(dims) => self.shape_argument(dims),
            Argument::Option(name, value) => {
                format!("{} {}", self.name(name), self.expr(value).shown)
            }
        }
    }

    /// Whether an argument would be read as an option or a shape.
    fn reads_otherwise(&self, value: &Expr, later: bool) -> bool {
        if let ExprKind::Name(name) = &value.kind {
            return reads_as_shape(&name.text);
        }
        let option = first_name(value).is_some_and(|name| OPTIONS.contains(&name.text.as_str()));
        option || chain_holds_x(value, later)
    }
}

/// The name that the text of an expression begins with.
fn first_name(expr: &Expr) -> Option<&Name> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Binary(_, left, _) => first_name(left),
        ExprKind::Unary(Unary::Transpose | Unary::Inverse, operand) => first_name(operand),
        ExprKind::Index(of, _, _) => first_name(of),
        ExprKind::Unary(Unary::Negative, _)
        | ExprKind::Number(_)
        | ExprKind::Literal(_)
        | ExprKind::Ones
        | ExprKind::Identity
        | ExprKind::Call(..) => None,
    }
}

/// Whether a product of names has a factor `x`, as a shape in ASCII would.
fn chain_holds_x(expr: &Expr, later: bool) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => (later && name.text == "x") || reads_as_shape(&name.text),
        ExprKind::Binary(Binary::Product, left, right) => {
            chain_holds_x(left, later) || chain_holds_x(right, later)
        }
        ExprKind::Binary(..)
        | ExprKind::Unary(..)
        | ExprKind::Number(_)
        | ExprKind::Literal(_)
        | ExprKind::Ones
        | ExprKind::Identity
        | ExprKind::Call(..)
        | ExprKind::Index(..) => false,
    }
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}
