//! What customers are told of people, in the languages of the widget: whether anybody is there, and the letters that follow
//! them. What stands in braces is filled in.

use jiff::{Timestamp as Instant, civil::Weekday, tz::TimeZone};
use rusqlite::Connection;

use super::{
    model::{Conversation, MessageRole},
    phrases, store,
};
use crate::{assistants::Assistant, clock::Timestamp, error::Result, workspaces};

/// The sentences of one language.
#[derive(Debug)]
pub struct Sentences {
    pub language: &'static str,
    pub someone_is_here: &'static str,
    pub has_person: &'static str,
    pub nobody: &'static str,
    /// `{when}`, `{zone}`.
    pub back_on: &'static str,
    pub leave_address: &'static str,
    pub passed_on: &'static str,
    pub still_waiting: &'static str,
    /// A moment: `{weekday}`, `{day}`, `{month}` (a number), `{month_name}` (English), `{time}`.
    when: &'static str,
    /// From Monday on.
    weekdays: [&'static str; 7],
    hello: &'static str,
    /// `{name}`.
    hello_name: &'static str,
    /// `{author}`, `{business}`.
    pub answered: &'static str,
    /// `{business}`.
    pub answered_subject: &'static str,
    pub go_back: &'static str,
    /// `{author}`, `{business}`, `{number}`, `{subject}`.
    pub ticket: &'static str,
}

impl Sentences {
    /// How a letter to somebody begins.
    pub fn greeting(&self, name: Option<&str>) -> String {
        name.map_or_else(|| self.hello.to_owned(), |name| fill(self.hello_name, &[("name", name)]))
    }

    /// A moment as people write it.
    pub fn moment(&self, at: Timestamp, zone: &TimeZone) -> String {
        let Ok(time) = Instant::from_millisecond(at.millis()) else { return String::new() };
        let time = time.to_zoned(zone.clone());
        let days_since_monday = usize::try_from(time.weekday().since(Weekday::Monday)).unwrap_or_default();
        fill(
            self.when,
            &[
                ("weekday", self.weekdays[days_since_monday % 7]),
                ("day", &time.day().to_string()),
                ("month", &time.month().to_string()),
                ("month_name", &time.strftime("%B").to_string()),
                ("time", &time.strftime("%H:%M").to_string()),
            ],
        )
    }
}

/// Puts values where their names stand in braces. What a value holds is not looked at again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The sentences for a language tag such as `de-AT`; nothing where they are not in this language.
pub fn of(tag: &str) -> Option<&'static Sentences> {
    let language = tag.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    ALL.iter().find(|sentences| sentences.language == language)
}

/// The sentences for a workspace's customers of whom nothing is known but what they wrote.
pub fn for_text(connection: &Connection, workspace_id: &str, text: &str) -> Result<&'static Sentences> {
    if let Some(sentences) = phrases::find(text).and_then(|phrases| of(phrases.language)) {
        return Ok(sentences);
    }
    let settings = workspaces::store::find_settings(connection, workspace_id)?;
    Ok(of(&settings.locale).unwrap_or(&ALL[0]))
}

/// The sentences for a conversation's customer: in the language that they write, else of their browser, else of the widget,
/// else of the workspace.
pub fn for_customer(connection: &Connection, workspace_id: &str, conversation: &Conversation, assistant: Option<&Assistant>) -> Result<&'static Sentences> {
    const NEWEST: i64 = 20;
    let said = store::list_messages(connection, workspace_id, &conversation.id, None, NEWEST)?;
    let said: Vec<String> = said.into_iter().filter(|message| message.role == MessageRole::User).map(|message| message.content).collect();
    if let Some(sentences) = phrases::find(&said.join("\n")).and_then(|phrases| of(phrases.language)) {
        return Ok(sentences);
    }
    let tags = [conversation.metadata.as_ref().and_then(|metadata| metadata.locale.as_deref()), assistant.and_then(|assistant| assistant.widget.locale.as_deref())];
    match tags.into_iter().flatten().find_map(of) {
        Some(sentences) => Ok(sentences),
        None => for_text(connection, workspace_id, ""),
    }
}

/// English first.
static ALL: [Sentences; 13] = [
    Sentences {
        language: "en",
        someone_is_here: "A person has been asked to join. Someone is here and will answer soon.",
        has_person: "A person already has this conversation and will answer here.",
        nobody: "Nobody is here right now.",
        back_on: "We are here again on {when} ({zone}).",
        leave_address: "Leave your email address, and you will be answered there.",
        passed_on: "Your message has been passed on and will be answered.",
        still_waiting: "Sorry for the wait. Nobody has had time for this conversation yet; it has been passed on again.",
        when: "{weekday}, {day} {month_name}, {time}",
        weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        hello: "Hello,",
        hello_name: "Hello {name},",
        answered: "{author} of {business} has answered you:",
        answered_subject: "{business} has answered you",
        go_back: "To answer, go back to the page where you wrote to us. Your conversation is still there.",
        ticket: "{author} of {business} has written about your ticket #{number} ({subject}):",
    },
    Sentences {
        language: "de",
        someone_is_here: "Ein Mensch wurde dazugebeten. Es ist jemand da und antwortet gleich.",
        has_person: "Dieses Gespräch hat schon ein Mensch übernommen und antwortet hier.",
        nobody: "Im Moment ist niemand da.",
        back_on: "Wir sind wieder da am {when} ({zone}).",
        leave_address: "Hinterlassen Sie Ihre E-Mail-Adresse, dann antworten wir Ihnen dorthin.",
        passed_on: "Ihre Nachricht wurde weitergegeben und wird beantwortet.",
        still_waiting: "Entschuldigen Sie die Wartezeit. Noch hatte niemand Zeit für dieses Gespräch; es wurde noch einmal weitergegeben.",
        when: "{weekday}, {day}.{month}., {time} Uhr",
        weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        hello: "Guten Tag,",
        hello_name: "Guten Tag {name},",
        answered: "{author} von {business} hat Ihnen geantwortet:",
        answered_subject: "{business} hat Ihnen geantwortet",
        go_back: "Um zu antworten, gehen Sie zurück auf die Seite, auf der Sie uns geschrieben haben. Ihr Gespräch ist noch da.",
        ticket: "{author} von {business} hat zu Ihrem Ticket #{number} ({subject}) geschrieben:",
    },
    Sentences {
        language: "fr",
        someone_is_here: "Une personne a été invitée à vous rejoindre. Quelqu'un est là et va bientôt répondre.",
        has_person: "Une personne s'occupe déjà de cette conversation et va répondre ici.",
        nobody: "Personne n'est là pour le moment.",
        back_on: "Nous serons de retour {when} ({zone}).",
        leave_address: "Laissez votre adresse e-mail, et nous vous y répondrons.",
        passed_on: "Votre message a été transmis et recevra une réponse.",
        still_waiting: "Désolé pour l'attente. Personne n'a encore eu le temps de vous répondre ; votre conversation a été transmise à nouveau.",
        when: "{weekday} {day}/{month} à {time}",
        weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        hello: "Bonjour,",
        hello_name: "Bonjour {name},",
        answered: "{author} de {business} vous a répondu :",
        answered_subject: "{business} vous a répondu",
        go_back: "Pour répondre, revenez à la page où vous nous avez écrit. Votre conversation y est toujours.",
        ticket: "{author} de {business} a écrit au sujet de votre ticket n° {number} ({subject}) :",
    },
    Sentences {
        language: "es",
        someone_is_here: "Hemos pedido a una persona que se una. Hay alguien aquí y responderá pronto.",
        has_person: "Una persona ya atiende esta conversación y responderá aquí.",
        nobody: "Ahora mismo no hay nadie.",
        back_on: "Volvemos el {when} ({zone}).",
        leave_address: "Deje su correo electrónico y le responderemos allí.",
        passed_on: "Su mensaje se ha transmitido y recibirá respuesta.",
        still_waiting: "Disculpe la espera. Todavía nadie ha podido atender esta conversación; se ha transmitido de nuevo.",
        when: "{weekday} {day}/{month} a las {time}",
        weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        hello: "Hola:",
        hello_name: "Hola, {name}:",
        answered: "{author} de {business} le ha respondido:",
        answered_subject: "{business} le ha respondido",
        go_back: "Para responder, vuelva a la página donde nos escribió. Su conversación sigue ahí.",
        ticket: "{author} de {business} ha escrito sobre su ticket n.º {number} ({subject}):",
    },
    Sentences {
        language: "pt",
        someone_is_here: "Pedimos a uma pessoa que se junte. Há alguém aqui e a resposta não demora.",
        has_person: "Uma pessoa já tem esta conversa e vai responder aqui.",
        nobody: "Neste momento não há ninguém.",
        back_on: "Voltamos {when} ({zone}).",
        leave_address: "Deixe o seu e-mail e responderemos por lá.",
        passed_on: "A sua mensagem foi encaminhada e terá resposta.",
        still_waiting: "Desculpe a espera. Ainda ninguém teve tempo para esta conversa; ela foi encaminhada de novo.",
        when: "{weekday}, {day}/{month}, às {time}",
        weekdays: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
        hello: "Olá,",
        hello_name: "Olá, {name},",
        answered: "{author} de {business} respondeu-lhe:",
        answered_subject: "{business} respondeu-lhe",
        go_back: "Para responder, volte à página onde nos escreveu. A sua conversa ainda está lá.",
        ticket: "{author} de {business} escreveu sobre o seu ticket n.º {number} ({subject}):",
    },
    Sentences {
        language: "it",
        someone_is_here: "Abbiamo chiesto a una persona di unirsi. C'è qualcuno e risponderà presto.",
        has_person: "Una persona segue già questa conversazione e risponderà qui.",
        nobody: "Al momento non c'è nessuno.",
        back_on: "Torniamo {when} ({zone}).",
        leave_address: "Lasci il suo indirizzo e-mail e le risponderemo lì.",
        passed_on: "Il suo messaggio è stato inoltrato e riceverà una risposta.",
        still_waiting: "Ci scusi per l'attesa. Nessuno ha ancora avuto tempo per questa conversazione; è stata inoltrata di nuovo.",
        when: "{weekday} {day}/{month} alle {time}",
        weekdays: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        hello: "Buongiorno,",
        hello_name: "Buongiorno {name},",
        answered: "{author} di {business} le ha risposto:",
        answered_subject: "{business} le ha risposto",
        go_back: "Per rispondere, torni alla pagina da cui ci ha scritto. La sua conversazione è ancora lì.",
        ticket: "{author} di {business} ha scritto riguardo al suo ticket n. {number} ({subject}):",
    },
    Sentences {
        language: "nl",
        someone_is_here: "Er is iemand gevraagd om mee te doen. Er is iemand aanwezig die zo antwoordt.",
        has_person: "Iemand heeft dit gesprek al overgenomen en antwoordt hier.",
        nobody: "Er is nu niemand.",
        back_on: "We zijn er weer op {when} ({zone}).",
        leave_address: "Laat uw e-mailadres achter, dan antwoorden we u daar.",
        passed_on: "Uw bericht is doorgegeven en wordt beantwoord.",
        still_waiting: "Excuses voor het wachten. Nog niemand had tijd voor dit gesprek; het is opnieuw doorgegeven.",
        when: "{weekday} {day}-{month}, {time} uur",
        weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        hello: "Hallo,",
        hello_name: "Hallo {name},",
        answered: "{author} van {business} heeft u geantwoord:",
        answered_subject: "{business} heeft u geantwoord",
        go_back: "Ga om te antwoorden terug naar de pagina waar u ons hebt geschreven. Uw gesprek staat er nog.",
        ticket: "{author} van {business} heeft geschreven over uw ticket #{number} ({subject}):",
    },
    Sentences {
        language: "pl",
        someone_is_here: "Poproszono kogoś o dołączenie. Ktoś tu jest i wkrótce odpowie.",
        has_person: "Tą rozmową zajmuje się już człowiek i odpowie tutaj.",
        nobody: "W tej chwili nikogo nie ma.",
        back_on: "Będziemy znowu: {when} ({zone}).",
        leave_address: "Proszę zostawić adres e-mail, a odpowiemy na niego.",
        passed_on: "Wiadomość została przekazana i otrzyma odpowiedź.",
        still_waiting: "Przepraszamy za oczekiwanie. Nikt jeszcze nie miał czasu na tę rozmowę; przekazano ją ponownie.",
        when: "{weekday}, {day}.{month}, {time}",
        weekdays: ["poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela"],
        hello: "Dzień dobry,",
        hello_name: "Dzień dobry {name},",
        answered: "{author} z {business} odpowiada:",
        answered_subject: "Odpowiedź od {business}",
        go_back: "Aby odpowiedzieć, proszę wrócić na stronę, z której przyszła wiadomość. Rozmowa wciąż tam jest.",
        ticket: "{author} z {business} pisze w sprawie zgłoszenia #{number} ({subject}):",
    },
    Sentences {
        language: "tr",
        someone_is_here: "Bir kişiden katılması istendi. Burada biri var ve birazdan yanıt verecek.",
        has_person: "Bu görüşmeyle zaten bir kişi ilgileniyor ve burada yanıt verecek.",
        nobody: "Şu anda kimse yok.",
        back_on: "Yeniden buradayız: {when} ({zone}).",
        leave_address: "E-posta adresinizi bırakın, size oradan yanıt verelim.",
        passed_on: "Mesajınız iletildi ve yanıtlanacak.",
        still_waiting: "Beklettiğimiz için özür dileriz. Henüz kimse bu görüşmeye vakit ayıramadı; yeniden iletildi.",
        when: "{weekday}, {day}.{month}, {time}",
        weekdays: ["Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"],
        hello: "Merhaba,",
        hello_name: "Merhaba {name},",
        answered: "{author} ({business}) size yanıt verdi:",
        answered_subject: "{business} size yanıt verdi",
        go_back: "Yanıtlamak için bize yazdığınız sayfaya dönün. Görüşmeniz hâlâ orada.",
        ticket: "{author} ({business}) #{number} numaralı talebiniz hakkında yazdı ({subject}):",
    },
    Sentences {
        language: "ar",
        someone_is_here: "طُلب من أحد الموظفين الانضمام. يوجد شخص هنا وسيرد قريبًا.",
        has_person: "يتولى أحد الموظفين هذه المحادثة بالفعل وسيرد هنا.",
        nobody: "لا يوجد أحد هنا الآن.",
        back_on: "سنعود {when} ({zone}).",
        leave_address: "اترك بريدك الإلكتروني وسنرد عليك هناك.",
        passed_on: "تم تمرير رسالتك وسيتم الرد عليها.",
        still_waiting: "نعتذر عن الانتظار. لم يتفرغ أحد لهذه المحادثة بعد؛ وقد أُحيلت مرة أخرى.",
        when: "{weekday} {day}/{month}، {time}",
        weekdays: ["الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"],
        hello: "مرحبًا،",
        hello_name: "مرحبًا {name}،",
        answered: "ردّ عليك {author} من {business}:",
        answered_subject: "ردّت عليك {business}",
        go_back: "للرد، ارجع إلى الصفحة التي كتبت لنا منها. محادثتك ما زالت هناك.",
        ticket: "كتب {author} من {business} بخصوص تذكرتك رقم {number} ({subject}):",
    },
    Sentences {
        language: "he",
        someone_is_here: "ביקשנו מאדם להצטרף. מישהו נמצא כאן ויענה בקרוב.",
        has_person: "אדם כבר מטפל בשיחה הזו ויענה כאן.",
        nobody: "אין כאן אף אחד כרגע.",
        back_on: "נחזור ב{when} ({zone}).",
        leave_address: "אפשר להשאיר כתובת דוא״ל, ונענה לשם.",
        passed_on: "ההודעה הועברה ותקבל מענה.",
        still_waiting: "סליחה על ההמתנה. עדיין איש לא התפנה לשיחה הזו; היא הועברה שוב.",
        when: "{weekday}, {day}.{month}, {time}",
        weekdays: ["יום שני", "יום שלישי", "יום רביעי", "יום חמישי", "יום שישי", "שבת", "יום ראשון"],
        hello: "שלום,",
        hello_name: "שלום {name},",
        answered: "תשובה מאת {author} מ־{business}:",
        answered_subject: "תשובה מ־{business}",
        go_back: "כדי לענות, אפשר לחזור לדף שממנו נכתבה הפנייה. השיחה עדיין שם.",
        ticket: "הודעה מאת {author} מ־{business} על פנייה #{number} ({subject}):",
    },
    Sentences {
        language: "ja",
        someone_is_here: "担当者に参加を依頼しました。担当者がおりますので、まもなくお答えします。",
        has_person: "この会話はすでに担当者が引き継いでおり、こちらでお答えします。",
        nobody: "ただいま担当者が不在です。",
        back_on: "{when}（{zone}）に再開いたします。",
        leave_address: "メールアドレスをお知らせいただければ、そちらにお答えします。",
        passed_on: "メッセージは担当者に伝えました。後ほどお答えします。",
        still_waiting: "お待たせして申し訳ありません。まだ担当者が対応できていないため、もう一度連絡いたしました。",
        when: "{month}月{day}日{weekday} {time}",
        weekdays: ["月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"],
        hello: "こんにちは。",
        hello_name: "{name} 様",
        answered: "{business}の{author}からの返信です。",
        answered_subject: "{business}からの返信",
        go_back: "ご返信は、お問い合わせいただいたページからお願いします。会話はそのまま残っています。",
        ticket: "お問い合わせ #{number}（{subject}）について、{business}の{author}からのご連絡です。",
    },
    Sentences {
        language: "zh",
        someone_is_here: "已请工作人员加入。有人在线，很快会回复您。",
        has_person: "已有工作人员接手此对话，会在这里回复您。",
        nobody: "目前没有人在线。",
        back_on: "我们将于{when}（{zone}）回来。",
        leave_address: "请留下您的电子邮箱，我们会在那里回复您。",
        passed_on: "您的消息已转达，会有人回复。",
        still_waiting: "抱歉让您久等。暂时还没有人能处理此对话，我们已再次转达。",
        when: "{month}月{day}日{weekday} {time}",
        weekdays: ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
        hello: "您好：",
        hello_name: "{name}，您好：",
        answered: "{business}的{author}回复了您：",
        answered_subject: "{business}回复了您",
        go_back: "如需回复，请回到您给我们留言的页面，对话仍在那里。",
        ticket: "{business}的{author}就您的工单 #{number}（{subject}）回复：",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_in_its_language() {
        let (at, zone) = (Timestamp::parse("2026-03-30T07:05:00Z").unwrap(), TimeZone::get("Europe/Berlin").unwrap());
        let moment = |tag: &str| of(tag).unwrap().moment(at, &zone);
        assert_eq!(moment("en-GB"), "Monday, 30 March, 09:05");
        assert_eq!(moment("de"), "Montag, 30.3., 09:05 Uhr");
        assert_eq!(moment("ja-JP"), "3月30日月曜日 09:05");
        assert!(of("tlh").is_none());
    }

    #[test]
    fn every_sentence_has_its_places_and_no_others() {
        let places = |text: &str| {
            let mut names: Vec<String> = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        for sentences in &ALL {
            let all = |sentences: &Sentences| {
                [sentences.back_on, sentences.hello, sentences.hello_name, sentences.answered, sentences.answered_subject, sentences.ticket, sentences.nobody].map(places)
            };
            assert_eq!(all(sentences), all(&ALL[0]), "{}", sentences.language);
            assert!(phrases::of("").language == "en" && of(sentences.language).is_some());
        }
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        assert_eq!(fill("{a} and {b}.", &[("a", "{b}"), ("b", "c")]), "{b} and c.");
    }
}
