//! What the server holds: text, page, rows, weights and the course of training.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use matgrad::data::{ReadOptions, Table, TargetKind, read_bytes};
use matgrad::explain::{Memory, Walkthrough};
use matgrad::expr::graph::{Graph, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::Bindings;
use matgrad::expr::print::unicode;
use matgrad::{Checkpoint, Error, Method, Network};

use crate::Settings;
use crate::course::Course;
use crate::examples::{Examples, encoder};
use crate::message::{Message, Phase};

/// A page that was read and derived.
pub struct Page {
    /// The network.
    pub network: Network,
    /// Its equations.
    pub walk: Walkthrough,
}

/// Which parts of the view changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The equations and all that follows.
    Page,
    /// The numbers.
    Numbers,
    /// Only what is wrong with the text, or how training stands.
    Talk,
}

/// Everything that the page shows; one for each server.
pub struct Session {
    /// What messages call the text.
    pub file: String,
    /// The equations as they are typed.
    pub text: String,
    /// What is wrong with them; the last page that was right is still shown.
    pub error: Option<Error>,
    /// The last page that was right.
    pub page: Option<Arc<Page>>,
    /// The table.
    pub table: Option<Table>,
    /// Why the table does not fit the page.
    pub unfit: Option<String>,
    /// The rows.
    pub examples: Option<Arc<Examples>>,
    /// How it is trained.
    pub settings: Settings,
    /// The followed rows, from 0.
    pub rows: Vec<usize>,
    /// How far they have come.
    pub phase: Phase,
    /// The weights now.
    pub weights: Vec<(NodeId, Matrix)>,
    /// The update rule's states.
    pub memory: Memory,
    /// What is given to the followed rows.
    pub bound: Bindings,
    /// The values of the equations, from `Phase::Forward` on.
    pub values: HashMap<NodeId, Matrix>,
    /// What the epochs showed.
    pub course: Course,
    /// From where training goes on.
    pub checkpoint: Option<Checkpoint>,
    /// The number of the run under way.
    pub running: Option<u64>,
    /// The number of the last run.
    pub runs: u64,
    /// Why the last run failed.
    pub failed: Option<String>,
    /// What the page was, whatever its comments and spaces.
    meaning: String,
}

/// The most rows that are followed together.
const MOST_ROWS: usize = 64;

impl Session {
    /// Begins with a text, and with a table where there is one.
    pub fn new(file: &str, text: &str, table: Option<Table>, settings: Settings) -> Session {
        let mut session = Session {
            file: file.into(),
            text: String::new(),
            error: None,
            page: None,
            table,
            unfit: None,
            examples: None,
            settings,
            rows: vec![0],
            phase: Phase::Given,
            weights: Vec::new(),
            memory: Memory::default(),
            bound: Bindings::default(),
            values: HashMap::new(),
            course: Course::default(),
            checkpoint: None,
            running: None,
            runs: 0,
            failed: None,
            meaning: String::new(),
        };
        session.edit(text.into());
        session
    }

    /// Two sigmoid layers with the numbers of M. Mazur (2015), the worked example.
    pub fn worked_example() -> Session {
        let row = "x1,x2,y1,y2\n0.05,0.10,0.01,0.99\n";
        let table = read_bytes(row.as_bytes(), "one row", &ReadOptions::default()).ok();
        let settings = Settings {
            method: "sgd".into(),
            rate: Some(0.5),
            batch: None,
            standardize: false,
            ..Settings::default()
        };
        let text = include_str!("../../../examples/two-layers.eq");
        Session::new("two-layers.eq", text, table, settings)
    }

    /// One hidden layer for a table.
    ///
    /// # Errors
    /// A table that cannot be learnt from.
    pub fn of_table(table: Table, settings: Settings) -> Result<Session, Error> {
        let text = layers(&table, &settings)?;
        Ok(Session::new("layers.eq", &text, Some(table), settings))
    }

    /// Does what the page asks for.
    ///
    /// # Errors
    /// Why it cannot be done; then nothing has changed.
    pub fn act(&mut self, message: Message) -> Result<Changed, Error> {
        match message {
            Message::Edit { text } => Ok(self.edit(text)),
            Message::Step { to } => self.step(to).map(|()| Changed::Numbers),
            Message::Follow { rows } => {
                let all = self.examples.as_ref().map_or(0, |e| e.inputs.rows);
                self.rows = followed(&rows, all).map_err(Error::Input)?;
                self.bind()?;
                Ok(Changed::Numbers)
            }
            Message::Set { settings } => self.set(settings),
            Message::Restart => {
                self.restart();
                Ok(Changed::Numbers)
            }
            Message::Layers => {
                let table = self.table.as_ref();
                let table = table.ok_or_else(|| Error::Input("there is no table yet".into()))?;
                let text = layers(table, &self.settings)?;
                Ok(self.edit(text))
            }
            Message::Stop => {
                self.running = None;
                Ok(Changed::Talk)
            }
            // Started by the server, which has the thread.
            Message::Train => Ok(Changed::Talk),
        }
    }

    /// Takes a table from the browser.
    ///
    /// # Errors
    /// What is wrong with it; the one before stays.
    pub fn open(&mut self, bytes: &[u8], name: &str) -> Result<Changed, Error> {
        let table = read_bytes(bytes, name, &ReadOptions::default())?;
        self.table = Some(table);
        self.settings.target = None;
        self.encode();
        self.restart();
        Ok(Changed::Page)
    }

    fn method(settings: &Settings) -> Result<(Method, Vec<(String, f64)>), Error> {
        let method = Method::named(&settings.method)?;
        let rate = settings.rate.filter(|_| matches!(method, Method::Rule(_)));
        let given: Vec<(String, f64)> = rate.map(|r| ("lr".to_string(), r)).into_iter().collect();
        method.settings(&given)?;
        Ok((method, given))
    }

    /// The method with its settings.
    ///
    /// # Errors
    /// A method that is not there, or does not have these settings.
    pub fn chosen(&self) -> Result<(Method, Vec<(String, f64)>), Error> {
        Session::method(&self.settings)
    }

    fn read(&self) -> Result<Page, Error> {
        let network = Network::parse(&self.file, &self.text)?;
        let (method, settings) = self.chosen()?;
        let walk = Walkthrough::new(&network, &method, &settings)?;
        network.initial(self.settings.seed)?;
        Ok(Page { network, walk })
    }

    fn edit(&mut self, text: String) -> Changed {
        self.text = text;
        let page = match self.read() {
            Ok(page) => page,
            Err(error) => {
                self.error = Some(error);
                return Changed::Talk;
            }
        };
        self.error = None;
        let meaning = meaning(&page);
        if meaning == self.meaning {
            return Changed::Talk;
        }
        self.meaning = meaning;
        self.page = Some(Arc::new(page));
        self.encode();
        self.restart();
        Changed::Page
    }

    fn encode(&mut self) {
        let Some(page) = &self.page else { return };
        let found = self.table.as_ref().map(|t| Examples::of(t, &page.network, &self.settings));
        let drawn = || Examples::drawn(&page.network, self.settings.seed);
        let (examples, unfit) = match found {
            Some(Ok(examples)) => (examples, None),
            Some(Err(why)) => (drawn(), Some(why)),
            None => (drawn(), None),
        };
        self.rows.retain(|&row| row < examples.inputs.rows);
        if self.rows.is_empty() {
            self.rows.push(0);
        }
        self.unfit = unfit;
        self.examples = Some(Arc::new(examples));
    }

    /// Weights by the seed, and no course.
    fn restart(&mut self) {
        // What a run under way still says is of other weights.
        self.runs += 1;
        self.running = None;
        self.course = Course::default();
        self.checkpoint = None;
        self.failed = None;
        let Some(page) = self.page.clone() else { return };
        self.memory = page.walk.start();
        let drawn = page.network.initial(self.settings.seed);
        let bound = drawn.and_then(|weights| {
            self.weights = weights;
            self.bind()
        });
        self.failed = bound.err().map(|e| e.to_string());
    }

    fn set(&mut self, settings: Settings) -> Result<Changed, Error> {
        if settings.rate.is_some_and(|r| !r.is_finite()) || settings.batch == Some(0) {
            return Err(Error::Input("a rate is a number, and a batch has rows".into()));
        }
        let (method, given) = Session::method(&settings)?;
        if let (Some(table), Some(name)) = (&self.table, &settings.target) {
            table.column(name)?;
        }
        let before = std::mem::replace(&mut self.settings, settings);
        let now = &self.settings;
        let redrawn = before.seed != now.seed
            || before.standardize != now.standardize
            || before.target != now.target;
        let other = before.method != now.method;
        if let Some(page) = self.page.as_ref().filter(|_| other || before.rate != now.rate) {
            let walk = Walkthrough::new(&page.network, &method, &given)?;
            self.page = Some(Arc::new(Page { network: page.network.clone(), walk }));
        }
        self.running = None;
        if redrawn {
            self.encode();
            self.restart();
            return Ok(Changed::Page);
        }
        if other {
            self.checkpoint = None;
            self.memory = self.page.as_ref().map_or(Memory::default(), |p| p.walk.start());
        }
        self.bind()?;
        Ok(Changed::Page)
    }

    /// Gives the followed rows and the weights to the page; all else has no numbers yet.
    ///
    /// # Errors
    /// What does not fit.
    pub fn bind(&mut self) -> Result<(), Error> {
        let (Some(page), Some(examples)) = (&self.page, &self.examples) else { return Ok(()) };
        let inputs = examples.inputs.select_rows(&self.rows);
        let targets = examples.targets.select_rows(&self.rows);
        let rows = (&inputs, &targets);
        self.bound = page.walk.bind(&page.network, &self.weights, rows, &self.memory)?;
        self.values.clear();
        self.phase = Phase::Given;
        Ok(())
    }

    fn step(&mut self, to: Phase) -> Result<(), Error> {
        let Some(page) = self.page.clone() else {
            return Err(Error::Input("there is no page to step through yet".into()));
        };
        if self.running.is_some() {
            return Err(Error::Input("training is under way; stop it first".into()));
        }
        let update = to == Phase::Update;
        if update && !page.walk.equations.iter().any(|e| e.part == "update") {
            let method = &self.settings.method;
            return Err(Error::Input(format!(
                "{method} searches and has no update equation; choose an update rule"
            )));
        }
        if self.values.is_empty() || self.phase == Phase::Update || to == Phase::Given {
            self.bind()?;
        }
        if to != Phase::Given && self.values.is_empty() {
            self.values = page.walk.evaluate(&self.bound)?;
        }
        if update {
            page.walk.step(&self.values, &mut self.weights, &mut self.memory);
        }
        self.phase = to;
        Ok(())
    }

    /// The value of an equation, if it is known by now.
    pub fn value(&self, number: usize) -> Option<&Matrix> {
        let equation = self.page.as_ref()?.walk.equations.get(number)?;
        let phase = match equation.part {
            "forward" => Phase::Forward,
            "backward" => Phase::Backward,
            _ => Phase::Update,
        };
        let given = || self.bound.values.get(&equation.node).filter(|_| phase == Phase::Forward);
        given().or_else(|| self.values.get(&equation.node).filter(|_| self.phase >= phase))
    }
}

/// A page of layers for a table.
fn layers(table: &Table, settings: &Settings) -> Result<String, Error> {
    let encoder = encoder(table, settings, 1)?;
    let classes = encoder.target_kind() == TargetKind::Classes;
    let layers = Network::layers(encoder.input_width(), encoder.target_width());
    let loss = if classes { "cross_entropy" } else { "mse" };
    Ok(layers.dense(8).loss(loss).equations())
}

/// The equations and how the weights begin, without comments and spaces.
fn meaning(page: &Page) -> String {
    let graph: &Graph = &page.network.equations.graph;
    let mut text = String::new();
    for variable in &graph.variables {
        let name = graph.name(variable.node).map_or("", |n| &n.text);
        let shape = graph.symbols.shape(variable.shape);
        writeln!(text, "{:?} {name} {shape} {:?}", variable.kind, variable.initial).ok();
    }
    for &node in &page.network.equations.definitions {
        let name = graph.name(node).map_or("", |n| &n.text);
        writeln!(text, "{name} = {}", unicode(graph, node)).ok();
    }
    let objective = page.network.objective;
    let name = graph.name(objective).map(|n| n.text.clone());
    text + &name.unwrap_or_else(|| unicode(graph, objective))
}

/// `3`, `1-4` or `1, 5` as rows from 0.
fn followed(text: &str, all: usize) -> Result<Vec<usize>, String> {
    let wrong = || format!("\u{201c}{text}\u{201d} names no rows; write 3, 1-4 or 1, 5");
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    let mut rows = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once(['-', '–']) {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(part)?, number(part)?),
        };
        if from == 0 || to > all || from > to {
            return Err(format!("there are rows 1 to {all}, so not {}", part.trim()));
        }
        if rows.len() + to - from >= MOST_ROWS {
            return Err(format!("at most {MOST_ROWS} rows are followed together"));
        }
        rows.extend(from - 1..to);
    }
    Ok(rows)
}
