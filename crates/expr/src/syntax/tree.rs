//! The syntax tree: what a page of equations says, before anything is known about shapes.
//!
//! Every node keeps its [`Span`], so that whatever goes wrong later can point at the text.

/// A range of bytes of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A name in its canonical Unicode form (`W₁`, `η`, `∂Z`) and as it was typed (`W1`, `eta`, `d_Z`).
#[derive(Clone, Debug, Eq)]
pub struct Name {
    /// Canonical form: two spellings of one name have the same.
    pub text: String,
    /// As typed.
    pub spelling: String,
    /// Where.
    pub span: Span,
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.text == other.text
    }
}

/// A page of equations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Statements in the order of the text.
    pub items: Vec<Item>,
    /// Comment lines after the last statement (an empty string is a blank line).
    pub tail: Vec<String>,
}

/// A statement with the comments that belong to it, which `fmt` keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Comment lines above, with their `#`; an empty string is a blank line.
    pub above: Vec<String>,
    /// What is said.
    pub statement: Statement,
    /// A comment at the end of the (first) line, with its `#`.
    pub beside: Option<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `input X : B×4`, `target …`, `param …`, `const …`.
    Declaration(Declaration),
    /// `Z = X W + b`.
    Definition(Definition),
    /// `f(X) = …` or `layer f(X: B×n, m) = …`.
    Function(Function),
    /// `optimizer f(η = 0.1) …`.
    Optimizer(Optimizer),
    /// `minimize L`.
    Minimize(Expr),
}

/// What a declared name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Data, one example a row.
    Input,
    /// Data that only the objective may use.
    Target,
    /// Trained.
    Param,
    /// Fixed numbers.
    Const,
    /// Changed by the lines of its layer while the network is trained, such as running means.
    State,
}

/// `param W : 4×3 ~ glorot`.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The keyword.
    pub role: Role,
    /// The name.
    pub name: Name,
    /// The shape; `None` where it follows from the initial value.
    pub shape: Option<Shape>,
    /// What comes after `~` or `=`.
    pub initial: Option<Initial>,
}

/// How a parameter begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// `~ uniform(-1, 1)`.
    Draw {
        /// Name of the distribution.
        name: Name,
        /// Its numbers.
        arguments: Vec<Expr>,
    },
    /// `= 0`, `= [1 2; 3 4]`.
    Value(Expr),
}

/// `B×4`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Rows.
    pub rows: Dim,
    /// Columns.
    pub cols: Dim,
}

/// A dimension: a number times symbols, such as `2·B·T`.
#[derive(Clone, Debug)]
pub struct Dim {
    /// The number in front.
    pub coefficient: u64,
    /// The symbols, each as often as it occurs.
    pub symbols: Vec<Name>,
    /// Where.
    pub span: Span,
}

impl PartialEq for Dim {
    fn eq(&self, other: &Dim) -> bool {
        self.coefficient == other.coefficient && self.symbols == other.symbols
    }
}

/// `Z = X W + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name on the left.
    pub name: Name,
    /// The right side.
    pub value: Expr,
    /// The `where NAME = …` lines below it.
    pub parts: Vec<Definition>,
}

/// A function, or a layer, which is a function that owns parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Whether it was written with `layer`.
    pub layer: bool,
    /// Its name.
    pub name: Name,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// The `param …`, `state …`, `const …` and `input …` lines of a layer.
    pub owned: Vec<Declaration>,
    /// The right side.
    pub body: Expr,
    /// The `where` lines.
    pub parts: Vec<Definition>,
    /// The `m ← …` lines of a layer: new values of its states while it is trained.
    pub updates: Vec<Definition>,
    /// The `adjoint …` or `surrogate …` lines.
    pub backward: Vec<Backward>,
}

/// `X`, `X : B×n`, or `α = 0.01`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name.
    pub name: Name,
    /// Its shape, where stated.
    pub shape: Option<Shape>,
    /// Its value when the caller gives none.
    pub default: Option<Expr>,
}

/// `adjoint P: ∂Z = P ⊙ (∂P - rowsum(∂P ⊙ P))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Backward {
    /// Declared with `surrogate`: meant to differ from the derived one.
    pub surrogate: bool,
    /// What the result is called in the equation.
    pub output: Name,
    /// The parameter whose gradient is given (`Z`, without the `∂`).
    pub of: Name,
    /// The gradient.
    pub value: Expr,
}

/// An update rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// Its name.
    pub name: Name,
    /// Hyperparameters with their defaults.
    pub parameters: Vec<Parameter>,
    /// `state U = Δ₀, M = 0`.
    pub states: Vec<Definition>,
    /// `M ← G ⊙ …`, in order.
    pub updates: Vec<Definition>,
    /// Comments inside, by the index of the line (states line first) that they end.
    pub comments: Vec<(usize, String)>,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

impl Expr {
    /// The same expression with others in the place of some names and calls, from the leaves up;
    /// names of symbols in shapes stay.
    pub fn map(mut self, change: &mut impl FnMut(ExprKind) -> ExprKind) -> Expr {
        let mut inside = |e: &mut Expr| {
            let span = e.span;
            let kind = std::mem::replace(&mut e.kind, ExprKind::Ones);
            *e = Expr { kind, span }.map(change);
        };
        match &mut self.kind {
            ExprKind::Number(_)
            | ExprKind::Name(_)
            | ExprKind::Literal(_)
            | ExprKind::Ones
            | ExprKind::Identity => {}
            ExprKind::Unary(_, a) | ExprKind::Index(a, ..) => inside(a),
            ExprKind::Binary(_, a, b) => [a, b].into_iter().for_each(|e| inside(e)),
            ExprKind::Call(_, arguments) => arguments.iter_mut().for_each(|a| match a {
                Argument::Value(e) | Argument::Named(_, e) | Argument::Option(_, e) => inside(e),
                Argument::Shape(_) => {}
            }),
        }
        Expr { kind: change(self.kind), span: self.span }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.kind == other.kind
    }
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `0.5`; never negative (a sign is a [`Unary::Negative`]).
    Number(f64),
    /// `W₁`.
    Name(Name),
    /// `[1 2; 3 4]`, rows of equal length.
    Literal(Vec<Vec<f64>>),
    /// `𝟏`, or the bare word `ones`: shape inferred.
    Ones,
    /// `I`, or the bare word `eye`: shape inferred. (The elaborator lets a defined name `I` win.)
    Identity,
    /// One operand.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `f(A, 3, stride 2, H×W×C)`.
    Call(Name, Vec<Argument>),
    /// `A[1:2, :]`.
    Index(Box<Expr>, Range, Range),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// An expression.
    Value(Expr),
    /// `α = 0.2`.
    Named(Name, Expr),
    /// `H×W×C`, two or more dimensions.
    Shape(Vec<Dim>),
    /// `stride 2`, `pad 1`, `dilation 2`, `groups 4`.
    Option(Name, Expr),
}

/// `1:3`, 1-based and inclusive; `:` is all; `2` is `2:2`; `n+1:2·n` is what comes after the first n.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// `:`.
    All,
    /// `first:last`.
    Span(Dim, Dim),
    /// `before+1:last`.
    After(Dim, Dim),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-A`.
    Negative,
    /// `Aᵀ`, `A'`.
    Transpose,
    /// `A⁻¹`.
    Inverse,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `A B`, `A * B`.
    Product,
    /// `A ⊙ B`, `A .* B`.
    Hadamard,
    /// `A ⊘ B`, `A ./ B`.
    Quotient,
    /// `A / s`.
    Division,
    /// `A + B`.
    Sum,
    /// `A - B`.
    Difference,
    /// `s²`, `s ^ 2`.
    Power,
    /// `A∘²`, `A .^ 2`.
    ElementPower,
    /// `A > B`.
    Greater,
    /// `A >= B`, `A ≥ B`.
    GreaterEqual,
}
