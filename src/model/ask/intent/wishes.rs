//! Wishes: what somebody would have done, and what no question does.

use super::cues::Cues;
use super::past::LOGS;

impl Cues<'_> {
    pub(super) fn wants_a_secret(&self) -> bool {
        let secret = self.says("secret secrets password passwords admin value plaintext");
        let token = self.says("token tokens credentials") || self.found.token.is_some();
        (secret && token && !self.says("create generate make new"))
            || (self.says("reveal leak print dump decrypt") && token)
            || self.tells_a_secret()
    }

    /// `print the password`; a change may be about passwords, too.
    pub(super) fn tells_a_secret(&self) -> bool {
        self.says("secret secrets password passwords plaintext")
            && self.wishes("show print reveal give tell what whats dump leak decrypt get read display")
            && !self.phrase("pull secrets")
            && !self.says("fix fixed fixes fixing change changes changed feature patch release releases live deployed version status create generate make new need")
    }

    /// Orders that no question may give, and questions about something else.
    pub(super) fn is_out_of_bounds(&self) -> bool {
        let destroys = self.wishes(
            "delete remove destroy drop revoke purge wipe erase rename kill stop restart reboot scale truncate shut terminate disable nuke obliterate trash uninstall clear",
        );
        self.wants_a_secret()
            || destroys
            || (self.wishes("turn switch take bring") && self.says("off down"))
            || (self.says("secret secrets password passwords")
                && self.wishes("change reset set rotate update"))
            || self.phrases(&["ignore all", "ignore previous", "your instructions"])
    }

    /// A wish for a work of another trade.
    pub(super) fn wants_something_else(&self) -> bool {
        self.wishes("write compose sing draw paint translate recommend cook play order book")
    }

    /// Matters that monitoring knows and pulls do not tell.
    pub(super) fn asks_for_measures(&self) -> bool {
        self.says("cpu memory ram disk pods replicas latency throughput traffic uptime usage logs metrics rate requests qps slow slower")
            && self.begins("how what whats show give why is")
            && !self.says(
                "fix fixed fixes patch feature change changes changed release released version live deployed",
            )
    }

    pub(super) fn makes_a_token(&self) -> bool {
        let makes = self.says("create generate make issue mint new need give get add want rotate another");
        let noun = self.says("token tokens credential credentials")
            || self.phrases(&["pull secret", "image pull secret"]);
        let joins = self.says("connect hook link attach register onboard join wire access authenticate")
            && self.says("cluster kubernetes k8s namespace node nodes laptop machine docker computer");
        let how =
            self.phrases(&["how do i", "how can i", "how do we", "how to", "can i", "can you", "could you"]);
        (makes && noun && (!self.asks() || how))
            || self.phrases(&["how do i connect", "how can i connect", "need a token", "need credentials"])
            || (self.begins("token credentials") && self.phrases(&["token for", "credentials for"]))
            || (self.says("let allow enable")
                && self.says("cluster node nodes laptop machine")
                && self.says("pull pulls"))
            || (joins && !self.is_yes_or_no())
    }

    pub(super) fn makes_an_environment(&self) -> bool {
        let makes = (self.begins("create add make new set setup spin need want i id wed can could lets we")
            || self.phrases(&["how do i", "how can i", "how do we", "how to"]))
            && self.says("create add make new set setup spin need want");
        makes && self.says("environment environments env")
    }

    pub(super) fn is_about_tokens(&self) -> bool {
        self.found.token.is_some()
            || self.says("token tokens credential credentials")
            || self.phrase("pull secrets")
    }

    pub(super) fn wants_a_deploy(&self) -> bool {
        const VERBS: &str = "deploy ship promote release rollout install upgrade downgrade push redeploy";
        const MOVES: &str = "get put bring move";
        let moves = !self.found.environments.is_empty()
            && self.says("to into onto on in")
            && !self.says("running versions status state services deployments");
        let polite = self.begins("can could would will i we lets help how")
            && (self.says(VERBS) || self.phrases(&["roll out", "roll back"]) || (moves && self.says(MOVES)))
            && self.phrases(&[
                "can you",
                "could we",
                "could i",
                "can somebody",
                "can someone",
                "could somebody",
                "could someone",
                "could you",
                "would you",
                "will you",
                "i want",
                "i would",
                "id like",
                "we want",
                "we need",
                "i need",
                "lets",
                "how do",
                "how can",
                "help me",
                "can we",
                "can i",
                "how to",
            ]);
        let is_log = self.phrases(LOGS);
        let orders = !is_log
            && (self.begins("deploy ship promote install upgrade downgrade push redeploy")
                && (self.says(VERBS) || !self.found.environments.is_empty()))
            || (moves && self.begins("put get bring move bump send apply set switch"));
        let is_named = self.found.version.is_some() || self.found.repository.is_some();
        let is_aimed = self.says("to into onto") || (is_named && self.says("in on"));
        let of_a_change = self.says("the a my our") && self.says("fix feature change patch");
        let imperative =
            self.begins("release rollout") && (is_aimed || of_a_change) && !self.says("notes note");
        let rolls = (self.begins("roll rollback revert undo")
            || self.wishes("roll rollback revert undo")
            || (self.begins("take bring move set switch put") && self.says("back")))
            && !self.says("rollbacks history status count log");
        let rolls = rolls || (self.found.version.is_some() && self.wishes("back switch"));
        let plans = self.wishes("prepare plan draft start trigger perform simulate")
            && self.says("deploy deployment rollback rollout release upgrade downgrade promotion");
        let meant = self.found.version.is_some() || self.has_number();
        let which = meant
            && (self.phrases(&["to deploy", "to ship", "to release", "to promote"])
                || (self.found.destination.is_some() && self.phrases(&["to get", "to bring", "to put"])));
        let wishes = !is_log
            && self.wishes("deploy ship promote install upgrade downgrade redeploy push")
            && !self.is_yes_or_no();
        let returns = self.wishes("back return") || (self.begins("how") && self.phrase("go back"));
        let needs = self.begins("i we id wed")
            && self.phrases(&["i need", "we need", "i want", "we want", "id like", "wed like"])
            && self.found.version.is_some()
            && !self.found.environments.is_empty()
            && !self.says("know whether if");
        // `I want the invoice fix in production`
        let needs = needs
            || (self.begins("i we id wed")
                && self.phrases(&["i need", "we need", "i want", "we want", "id like", "wed like"])
                && self.says("fix feature change patch")
                && self.says("in on to into")
                && self.has_place()
                && !self.says("know whether if see token check"));
        let after = self.phrases(&[
            "and deploy",
            "then deploy",
            "and ship",
            "and promote",
            "and roll",
            "and release",
            "and push",
            "and install",
            "and put",
        ]);
        polite
            || orders
            || wishes
            || returns
            || imperative
            || rolls
            || plans
            || which
            || needs
            || (after && !self.is_yes_or_no())
    }
}
