//! The few sentences that an assistant has without a document, in the languages of the widget, and how a message's language
//! is told.

/// What is said without a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Phrases {
    pub language: &'static str,
    /// Words that only this language has often; for scripts of their own the script decides.
    words: &'static str,
    pub greeting: &'static str,
    pub welcome: &'static str,
    pub farewell: &'static str,
    pub not_found: &'static str,
}

static ENGLISH: Phrases = Phrases {
    language: "en",
    words: " the is are how what which where when who can do does my your with and for not i you ",
    greeting: "Hello! How can I help you?",
    welcome: "You're welcome! Is there anything else I can help you with?",
    farewell: "Goodbye! Come back whenever you have a question.",
    not_found: "I'm sorry, I could not find an answer to that in the documentation.",
};

static OTHERS: [Phrases; 12] = [
    Phrases {
        language: "de",
        words: " der die das und ist wie was wo wer wann warum ich nicht mein meine kann darf eine einen für mit auf wieviel gibt es hallo danke tschüss guten tag morgen ",
        greeting: "Hallo! Wie kann ich Ihnen helfen?",
        welcome: "Gern geschehen! Kann ich sonst noch helfen?",
        farewell: "Auf Wiedersehen! Melden Sie sich gern, wenn Sie eine Frage haben.",
        not_found: "Leider habe ich dazu in den Unterlagen keine Antwort gefunden.",
    },
    Phrases {
        language: "fr",
        words: " le les est et une des comment quoi quel quelle où qui quand pourquoi je vous mon ma puis peut avec pour pas bonjour merci au revoir salut bonsoir ",
        greeting: "Bonjour ! Comment puis-je vous aider ?",
        welcome: "Je vous en prie ! Puis-je vous aider pour autre chose ?",
        farewell: "Au revoir ! Revenez quand vous voulez.",
        not_found: "Désolé, je n'ai pas trouvé de réponse à cela dans la documentation.",
    },
    Phrases {
        language: "es",
        words: " el los las es y una cómo como qué que cuál dónde quién cuándo puedo mi con para por no hola gracias adiós adios buenos días dias usar ",
        greeting: "¡Hola! ¿En qué puedo ayudarle?",
        welcome: "¡De nada! ¿Puedo ayudarle en algo más?",
        farewell: "¡Hasta luego! Vuelva cuando tenga una pregunta.",
        not_found: "Lo siento, no he encontrado una respuesta a eso en la documentación.",
    },
    Phrases {
        language: "pt",
        words: " os as é e uma como qual onde quem quando posso meu minha com para não olá ola obrigado obrigada você tchau bom dia ",
        greeting: "Olá! Como posso ajudar?",
        welcome: "De nada! Posso ajudar em mais alguma coisa?",
        farewell: "Até logo! Volte sempre que tiver uma pergunta.",
        not_found: "Lamento, não encontrei uma resposta para isso na documentação.",
    },
    Phrases {
        language: "it",
        words: " il lo gli è e una come cosa quale dove chi quando posso mio mia con per non ciao grazie arrivederci buongiorno sono ",
        greeting: "Buongiorno! Come posso aiutarla?",
        welcome: "Prego! Posso aiutarla con altro?",
        farewell: "Arrivederci! Torni quando ha una domanda.",
        not_found: "Mi dispiace, non ho trovato una risposta nella documentazione.",
    },
    Phrases {
        language: "nl",
        words: " de het een en hoe wat welke waar wie wanneer kan ik mijn met voor niet hallo bedankt dank doei goedendag ",
        greeting: "Hallo! Hoe kan ik u helpen?",
        welcome: "Graag gedaan! Kan ik u nog ergens anders mee helpen?",
        farewell: "Tot ziens! Kom gerust terug als u een vraag hebt.",
        not_found: "Helaas heb ik daarop in de documentatie geen antwoord gevonden.",
    },
    Phrases {
        language: "pl",
        words: " jest jak co gdzie kto kiedy mogę czy nie mój moja dla się z na cześć dziękuję dzień dobry witam ",
        greeting: "Dzień dobry! Jak mogę pomóc?",
        welcome: "Proszę bardzo! Czy mogę jeszcze w czymś pomóc?",
        farewell: "Do widzenia! Zapraszam z kolejnymi pytaniami.",
        not_found: "Niestety nie znalazłem na to odpowiedzi w dokumentacji.",
    },
    Phrases {
        language: "tr",
        words: " ve bir nasıl ne nerede kim zaman mı mi için ile değil benim merhaba teşekkürler var ",
        greeting: "Merhaba! Size nasıl yardımcı olabilirim?",
        welcome: "Rica ederim! Başka bir konuda yardımcı olabilir miyim?",
        farewell: "Hoşça kalın! Sorunuz olduğunda yine bekleriz.",
        not_found: "Üzgünüm, belgelerde bunun yanıtını bulamadım.",
    },
    Phrases {
        language: "ar",
        words: "",
        greeting: "مرحبًا! كيف يمكنني مساعدتك؟",
        welcome: "على الرحب والسعة! هل يمكنني مساعدتك في شيء آخر؟",
        farewell: "إلى اللقاء! عد متى كان لديك سؤال.",
        not_found: "عذرًا، لم أجد إجابة عن ذلك في الوثائق.",
    },
    Phrases {
        language: "he",
        words: "",
        greeting: "שלום! איך אפשר לעזור?",
        welcome: "בשמחה! אפשר לעזור בעוד משהו?",
        farewell: "להתראות! אפשר לחזור בכל שאלה.",
        not_found: "מצטערים, לא נמצאה לכך תשובה בתיעוד.",
    },
    Phrases {
        language: "ja",
        words: "",
        greeting: "こんにちは。どのようなご用件でしょうか。",
        welcome: "どういたしまして。ほかにお手伝いできることはありますか。",
        farewell: "ありがとうございました。またいつでもご質問ください。",
        not_found: "申し訳ありませんが、資料の中に回答が見つかりませんでした。",
    },
    Phrases {
        language: "zh",
        words: "",
        greeting: "您好！有什么可以帮您？",
        welcome: "不客气！还有什么可以帮您的吗？",
        farewell: "再见！有问题欢迎随时再来。",
        not_found: "抱歉，在文档中没有找到相关答案。",
    },
];

/// The phrases in the language of a message; English where it cannot be told.
pub fn of(message: &str) -> &'static Phrases {
    find(message).unwrap_or(&ENGLISH)
}

/// The same, and nothing where it cannot be told.
pub fn find(message: &str) -> Option<&'static Phrases> {
    let script = |c: char| match c {
        '\u{600}'..='\u{6ff}' => Some("ar"),
        '\u{590}'..='\u{5ff}' => Some("he"),
        '\u{3040}'..='\u{30ff}' => Some("ja"),
        _ => None,
    };
    let han = || message.chars().any(|c| matches!(c, '\u{4e00}'..='\u{9fff}')).then_some("zh");
    if let Some(language) = message.chars().find_map(script).or_else(han) {
        return OTHERS.iter().find(|phrases| phrases.language == language);
    }
    let lower = message.to_lowercase();
    let words: Vec<String> = lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(|word| format!(" {word} ")).collect();
    let count = |phrases: &Phrases| words.iter().filter(|word| phrases.words.contains(word.as_str())).count();
    let best = OTHERS.iter().fold(&ENGLISH, |best, next| if count(next) > count(best) { next } else { best });
    // One common word of a short message may be of many languages; a name among English words is not enough.
    (count(best) > 0).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart() {
        for (message, language) in [
            ("How large may a file be?", "en"), ("Wie groß darf eine Datei sein?", "de"), ("¿Qué modelos puedo usar?", "es"), ("Comment puis-je vous joindre ?", "fr"),
            ("Come posso cambiare la password?", "it"), ("Como posso mudar minha senha?", "pt"), ("Hoe kan ik mijn wachtwoord wijzigen?", "nl"), ("Jak mogę zmienić hasło?", "pl"),
            ("パスワードを変更するには?", "ja"), ("如何更改密码", "zh"), ("كيف أغير كلمة المرور؟", "ar"), ("איך משנים סיסמה?", "he"), ("GDPR", "en"), ("", "en"), ("Hallo", "de"),
        ] {
            assert_eq!(of(message).language, language, "{message}");
        }
    }
}
