//! The closed list of what can happen.

/// Every kind, its name, and whether a webhook may subscribe to it; the others are for pages only.
macro_rules! kinds {
    ($($variant:ident $name:literal $public:literal),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($variant),*
        }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// Whether webhooks tell of it.
            pub const fn is_public(self) -> bool {
                match self { $(Kind::$variant => $public),* }
            }
        }
    };
}

kinds! {
    ConversationCreated "conversation.created" true,
    ConversationUpdated "conversation.updated" false,
    ConversationClosed "conversation.closed" true,
    ConversationHandedOff "conversation.handed_off" true,
    ConversationDeleted "conversation.deleted" false,
    MessageCreated "message.created" true,
    MessageUpdated "message.updated" false,
    LeadCaptured "lead.captured" true,
    ContactCreated "contact.created" true,
    ContactUpdated "contact.updated" true,
    ContactDeleted "contact.deleted" true,
    TicketCreated "ticket.created" true,
    TicketUpdated "ticket.updated" true,
    TicketResolved "ticket.resolved" true,
    TicketDeleted "ticket.deleted" false,
    FeedbackCreated "feedback.created" true,
    AssistantUpdated "assistant.updated" true,
    DocumentProgress "document.progress" false,
    DocumentCompleted "document.completed" true,
    DocumentFailed "document.failed" true,
    MemberJoined "member.joined" true,
    MemberLeft "member.left" true,
}

impl Kind {
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_name_is_one_kinds() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_name("conversation.imagined"), None);
    }
}
