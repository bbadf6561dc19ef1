//! A mail server that speaks SMTP (RFC 5321) as far as a client needs it to hand in a letter, with AUTH PLAIN.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// Headers and text, with soft line breaks undone.
    pub text: String,
    pub credentials: Option<String>,
}

#[derive(Clone)]
pub struct SmtpServer {
    pub url: String,
    letters: Arc<Mutex<Vec<Letter>>>,
    /// How many recipients are answered with a temporary failure before one is taken.
    pub refuse: Arc<AtomicUsize>,
}

impl SmtpServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://mailer:mail-password-7531@{}", listener.local_addr().unwrap());
        let server = SmtpServer { url, letters: Arc::default(), refuse: Arc::default() };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.talk(stream).await });
            }
        });
        server
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().clone()
    }

    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 mail.example ESMTP\r\n").await.ok()?;
        let (mut from, mut to, mut credentials) = (String::new(), String::new(), None);
        while let Some(line) = lines.next_line().await.ok()? {
            let command = line.to_ascii_uppercase();
            let answer: &[u8] = if command.starts_with("EHLO") {
                b"250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n"
            } else if command.starts_with("AUTH PLAIN ") {
                credentials = Some(line["AUTH PLAIN ".len()..].to_owned());
                b"235 2.7.0 come in\r\n"
            } else if command.starts_with("MAIL FROM:") {
                from = line["MAIL FROM:".len()..].to_owned();
                b"250 fine\r\n"
            } else if command.starts_with("RCPT TO:") {
                if self.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    b"451 4.3.0 come back later\r\n"
                } else {
                    to = line["RCPT TO:".len()..].to_owned();
                    b"250 fine\r\n"
                }
            } else if command == "DATA" {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.ok()? {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                if text.to_lowercase().contains("content-transfer-encoding: quoted-printable") {
                    text = text.replace("=\n", "").replace("=3D", "=");
                }
                self.letters.lock().push(Letter { from: from.clone(), to: to.clone(), text, credentials: credentials.clone() });
                b"250 taken\r\n"
            } else if command == "QUIT" {
                writer.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            } else {
                b"250 fine\r\n"
            };
            writer.write_all(answer).await.ok()?;
        }
        Some(())
    }
}
