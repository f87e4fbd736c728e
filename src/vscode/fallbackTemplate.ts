/** What a new file of fallback rules says: all questions are asked, until a comment becomes a rule. */
export const FALLBACK_TEMPLATE = `{
  // What AMPA answers for you, so that nobody has to be asked. Saved rules apply from the next question on.
  //
  //   hold                   ask a person (the default without this file, except that delegation is accepted)
  //   auto-accept            allow once, or the choice that means yes
  //   auto-decline           reject once, or the choice that means no
  //   accept-recommendation  what the question itself recommends, else ask a person
  //   discuss-options        the agent lays out the options first, then a person is asked
  //
  // The task's page shows every answer that was given by a rule, and which rule.

  // For projects that are known: owner/repo of the remote.
  "default": "hold",

  // For all others.
  "public_default": "hold",

  "projects": {
    // "me/shop": {
    //   "mode": "hold",
    //   "overrides": {
    //     // By what the agent wants to do (read, edit, delete, move, search, execute, fetch, other),
    //     // or by the kind that a script gives its question.
    //     "fetch": "auto-accept",
    //     "delete": "auto-decline"
    //   }
    // }
  }
}
`;
