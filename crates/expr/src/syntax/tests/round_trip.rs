//! Random trees print and read back; random text is refused without a panic.

use proptest::prelude::*;

use super::{FUNCTIONS, functions};
use crate::syntax::*;

fn make(text: &str) -> Name {
    let text = name::canonical(text);
    Name { spelling: text.clone(), text, span: Span::default() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

fn any_name() -> impl Strategy<Value = Name> {
    prop::sample::select(vec![
        "X",
        "W_1",
        "W₁₂",
        "b",
        "η",
        "η⁺",
        "η⁻",
        "∂W",
        "∂W₁",
        "Δmin",
        "p",
        "n",
        "BxH",
        "stride",
        "pad",
        "mean_value",
        "A_h",
        "W1_2",
        "h1_out",
        "e",
        "x2",
        "Ŷ",
    ])
    .prop_map(make)
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0u32..20).prop_map(f64::from),
        Just(0.5),
        Just(1e-8),
        Just(1e300),
        any::<f64>().prop_map(f64::abs).prop_filter("finite", |value| value.is_finite()),
    ]
}

fn any_dim() -> impl Strategy<Value = Dim> {
    let symbol = prop::sample::select(vec!["B", "T", "n", "k", "H₁", "m_out"]).prop_map(make);
    (prop_oneof![Just(1u64), 1u64..1000, any::<u64>()], prop::collection::vec(symbol, 0..3))
        .prop_map(|(coefficient, symbols)| Dim { coefficient, symbols, span: Span::default() })
}

fn any_shape() -> impl Strategy<Value = Shape> {
    (any_dim(), any_dim()).prop_map(|(rows, cols)| Shape { rows, cols })
}

fn any_range() -> impl Strategy<Value = Range> {
    prop_oneof![
        Just(Range::All),
        any_dim().prop_map(|dim| Range::Span(dim.clone(), dim)),
        (any_dim(), any_dim()).prop_map(|(first, last)| Range::Span(first, last)),
        (any_dim(), any_dim()).prop_map(|(before, last)| Range::After(before, last)),
    ]
}

fn any_literal() -> impl Strategy<Value = ExprKind> {
    (1usize..4, 1usize..4).prop_flat_map(|(rows, cols)| {
        let entry = (any_number(), any::<bool>()).prop_map(|(v, sign)| if sign { -v } else { v });
        let row = prop::collection::vec(entry, cols..=cols);
        prop::collection::vec(row, rows..=rows).prop_map(ExprKind::Literal)
    })
}

fn any_argument(value: BoxedStrategy<Expr>) -> impl Strategy<Value = Argument> {
    let option = prop::sample::select(vec!["stride", "pad", "dilation", "groups"]).prop_map(make);
    let operand = prop_oneof![
        any_number().prop_map(|value| expr(ExprKind::Number(value))),
        any_name().prop_map(|name| expr(ExprKind::Name(name))),
    ];
    prop_oneof![
        4 => value.clone().prop_map(Argument::Value),
        1 => (any_name(), value).prop_map(|(name, value)| Argument::Named(name, value)),
        1 => prop::collection::vec(any_dim(), 2..4).prop_map(Argument::Shape),
        1 => (option, operand).prop_map(|(name, value)| Argument::Option(name, value)),
    ]
}

fn any_binary() -> impl Strategy<Value = Binary> {
    use Binary::*;
    prop::sample::select(vec![
        Product,
        Product,
        Hadamard,
        Quotient,
        Division,
        Sum,
        Difference,
        Power,
        ElementPower,
        Greater,
        GreaterEqual,
    ])
}

fn any_expr() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        4 => any_name().prop_map(ExprKind::Name),
        2 => any_number().prop_map(ExprKind::Number),
        1 => any_literal(),
        1 => Just(ExprKind::Ones),
        1 => Just(ExprKind::Identity),
    ]
    .prop_map(expr);
    let grow = |inner: BoxedStrategy<Expr>| {
        let unary = prop::sample::select(vec![Unary::Negative, Unary::Transpose, Unary::Inverse]);
        let function = prop::sample::select(FUNCTIONS.to_vec()).prop_map(|text| Name {
            text: text.to_string(),
            spelling: text.to_string(),
            span: Span::default(),
        });
        prop_oneof![
            2 => (unary, inner.clone()).prop_map(|(op, a)| ExprKind::Unary(op, a.into())),
            4 => (any_binary(), inner.clone(), inner.clone())
                .prop_map(|(op, a, b)| ExprKind::Binary(op, a.into(), b.into())),
            1 => (function, prop::collection::vec(any_argument(inner.clone()), 0..4))
                .prop_map(|(name, arguments)| ExprKind::Call(name, arguments)),
            1 => (inner, any_range(), any_range())
                .prop_map(|(of, rows, cols)| ExprKind::Index(of.into(), rows, cols)),
        ]
        .prop_map(expr)
    };
    leaf.prop_recursive(5, 30, 3, move |inner| grow(inner.boxed())).boxed()
}

fn any_definition(parts: bool) -> BoxedStrategy<Definition> {
    let inner = if parts {
        prop::collection::vec(any_definition(false), 0..3).boxed()
    } else {
        Just(Vec::new()).boxed()
    };
    (any_name(), any_expr(), inner)
        .prop_map(|(name, value, parts)| Definition { name, value, parts })
        .boxed()
}

fn any_declaration(roles: Vec<Role>) -> impl Strategy<Value = Declaration> {
    let draw = (any_name(), prop::collection::vec(any_expr(), 0..3))
        .prop_map(|(name, arguments)| Initial::Draw { name, arguments });
    let initial = prop_oneof![draw, any_expr().prop_map(Initial::Value)];
    (prop::sample::select(roles), any_name(), any_shape(), prop::option::of(initial), any::<bool>())
        .prop_map(|(role, name, shape, initial, shaped)| {
            let initial = initial.filter(|_| matches!(role, Role::Param | Role::Const));
            let shape = (shaped || initial.is_none()).then_some(shape);
            Declaration { role, name, shape, initial }
        })
}

fn any_parameter() -> impl Strategy<Value = Parameter> {
    (any_name(), prop::option::of(any_shape()), prop::option::of(any_expr()))
        .prop_map(|(name, shape, default)| Parameter { name, shape, default })
}

fn any_function() -> impl Strategy<Value = Statement> {
    let backward = (any::<bool>(), any_name(), any_name(), any_expr())
        .prop_map(|(surrogate, output, of, value)| Backward { surrogate, output, of, value });
    (
        any::<bool>(),
        prop::sample::select(vec!["my_layer", "gate", "φ"]).prop_map(make),
        prop::collection::vec(any_parameter(), 0..4),
        prop::collection::vec(
            any_declaration(vec![Role::Param, Role::Const, Role::State, Role::Input]),
            0..3,
        ),
        any_expr(),
        prop::collection::vec(any_definition(false), 0..3),
        prop::collection::vec(any_definition(false), 0..3),
        prop::collection::vec(backward, 0..3),
    )
        .prop_map(|(layer, name, parameters, owned, body, parts, updates, backward)| {
            let owned = if layer { owned } else { Vec::new() };
            let updates = if layer { updates } else { Vec::new() };
            let function =
                Function { layer, name, parameters, owned, body, parts, updates, backward };
            Statement::Function(function)
        })
}

fn any_optimizer() -> impl Strategy<Value = Statement> {
    (
        prop::collection::vec(any_parameter(), 0..4),
        prop::collection::vec(any_definition(false), 1..3),
        prop::collection::vec(any_definition(false), 0..4),
        prop::option::of(any_comment()),
        prop::option::of(any_comment()),
    )
        .prop_map(|(parameters, states, updates, first, second)| {
            let second = second.filter(|_| !updates.is_empty()).map(|text| (1, text));
            let comments = first.map(|text| (0, text)).into_iter().chain(second).collect();
            let name = make("my_rule");
            Statement::Optimizer(Optimizer { name, parameters, states, updates, comments })
        })
}

fn any_comment() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["# a comment", "#", "# W₁ = (", "#### [ ##"]).prop_map(str::to_string)
}

fn any_item() -> impl Strategy<Value = Item> {
    let roles = vec![Role::Input, Role::Target, Role::Param, Role::Const];
    let statement = prop_oneof![
        any_declaration(roles).prop_map(Statement::Declaration),
        any_definition(true).prop_map(Statement::Definition),
        any_function(),
        any_optimizer(),
        any_expr().prop_map(Statement::Minimize),
    ];
    let comments = prop::collection::vec(any_comment(), 0..3);
    (comments, any::<bool>(), statement, prop::option::of(any_comment())).prop_map(
        |(mut above, blank, statement, beside)| {
            if blank {
                above.push(String::new());
            }
            Item { above, statement, beside }
        },
    )
}

fn any_page() -> impl Strategy<Value = Page> {
    (prop::collection::vec(any_item(), 0..5), prop::collection::vec(any_comment(), 0..3)).prop_map(
        |(mut items, tail)| {
            if let Some(first) = items.first_mut() {
                let comment = first.above.iter().any(|line| !line.is_empty());
                first.above.retain(|line| comment || !line.is_empty());
            }
            Page { items, tail }
        },
    )
}

proptest! {
    #[test]
    fn expressions_read_back(tree in any_expr(), left_to_right: bool) {
        let functions = functions();
        let dialect = Dialect { functions: &functions, left_to_right };
        for ascii in [false, true] {
            let text = print_expr(&tree, ascii);
            prop_assert_eq!(parse_expr(&text, &dialect), Ok(tree.clone()), "{}", text);
        }
    }

    #[test]
    fn pages_read_back(page in any_page()) {
        let functions = functions();
        let dialect = Dialect { functions: &functions, left_to_right: false };
        for ascii in [false, true] {
            let text = print_page(&page, ascii);
            prop_assert_eq!(parse_page(&text, &dialect), Ok(page.clone()), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", lines in "[-a-zA-Z0-9ᵀ²⁻⁺∂∘×·⊙ \n#()\\[\\],;:=.+*/^~>←𝟏x_'₁]{0,80}") {
        accept_anything(&text);
        accept_anything(&lines);
    }

    #[test]
    fn no_tokens_panic(words in prop::collection::vec(prop::sample::select(vec![
        "input", "target", "param", "const", "minimize", "where", "layer", "optimizer", "state",
        "adjoint", "surrogate", "if", "X", "W₁", "∂Z", "x", "BxH", "3x3", "exp", "foo", "ones", "I",
        "inv", "stride", "1", "0.5", "1e-3", "+", "-", "*", ".*", "⊙", "/", "^", ".^", "∘", "²",
        "⁻¹", "ᵀ", "'", ">", "=", "←", "~", ":", ",", ";", "(", ")", "[", "]", "×", "·", "\n",
        "\n  ", " ", " ", "# c", "𝟏", "¹", "@", "é", "…",
    ]), 0..40)) {
        accept_anything(&words.concat());
    }
}

/// Reads a text; what it says when it is wrong must print, what it reads must read back, and no
/// comment may be lost.
fn accept_anything(source: &str) {
    let functions = functions();
    for left_to_right in [false, true] {
        let dialect = Dialect { functions: &functions, left_to_right };
        let read = parse_page(source, &dialect);
        if let Ok(page) = &read {
            let canonical = page.to_string();
            let comments = source.lines().filter_map(|line| line.find('#').map(|at| &line[at..]));
            for comment in comments {
                assert!(canonical.contains(comment.trim_end()), "{source:?} loses {comment:?}");
            }
            for ascii in [false, true] {
                let text = print_page(page, ascii);
                assert_eq!(parse_page(&text, &dialect).as_ref(), Ok(page), "{source:?} {text:?}");
            }
        }
        let single = parse_expr(source, &dialect);
        if let Ok(expr) = &single {
            let text = print_expr(expr, false);
            assert_eq!(parse_expr(&text, &dialect).as_ref(), Ok(expr), "{source:?} {text:?}");
        }
        for diagnostics in [read.err(), single.err()].into_iter().flatten() {
            assert!(!diagnostics.is_empty());
            let file = "random.eq".to_string();
            let errors =
                crate::diagnostic::Errors { file, source: source.to_string(), diagnostics };
            assert!(errors.to_string().contains("error"));
        }
    }
}

#[test]
fn long_and_deep_texts_are_refused() {
    for source in [
        format!("Z = {}X{}", "(".repeat(5000), ")".repeat(5000)),
        format!("Z = X{}", " + X".repeat(50_000)),
        format!("Z = {}X", "-".repeat(50_000)),
        format!("Z = X{}", "'".repeat(50_000)),
        format!("Z = {}X{}", "exp(".repeat(5000), ")".repeat(5000)),
    ] {
        accept_anything(&source);
    }
}
