//! Where the studio listens: on this machine alone, unless it is told another address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// Runs the studio, asks it what `ask` asks of its port and token, and gives its address and words.
fn studio(arguments: &[&str], ask: impl Fn(&str, &str)) -> (String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .arg("studio")
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut url = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut url).expect("an address");
    let rest = url.trim().trim_start_matches("http://").trim_end_matches('/');
    let (host, token) = rest.split_once('/').expect("an address with a token");
    ask(host.rsplit_once(':').expect("a port").1, token);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    (url, said)
}

/// The status of a request for the page by this machine's own address.
fn status(port: &str, host: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
    let request = format!("GET /{token}/ HTTP/1.1\r\nHost: {host}:{port}\r\n");
    write!(stream, "{request}Connection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).expect("a status").into()
}

#[test]
fn on_this_machine_alone_unless_told() {
    let (url, said) = studio(&[], |port, token| {
        assert_eq!(status(port, "127.0.0.1", token), "200");
        // Another address of this machine is no way in, were it bound to it or not.
        assert_eq!(status(port, "192.0.2.7", token), "403");
    });
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(said, "open this address in a browser on this machine; Ctrl-C ends it\n");
}

#[test]
fn on_every_address_with_a_warning_and_by_the_token() {
    let (url, said) = studio(&["--listen", "0.0.0.0:0"], |port, token| {
        assert_eq!(status(port, "192.0.2.7", token), "200");
        assert_eq!(status(port, "192.0.2.7", "0123456789abcdef0123456789abcdef"), "403");
        // A name could be bent to this address by a page from elsewhere.
        assert_eq!(status(port, "evil.example", token), "403");
    });
    assert!(url.starts_with("http://0.0.0.0:"), "{url}");
    assert!(said.contains("only the token keeps others out"), "{said}");
    assert!(said.contains("put an address of this machine in the place of 0.0.0.0"), "{said}");
}
