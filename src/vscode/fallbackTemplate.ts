/** What a new file of fallback rules says: all questions are asked, until a comment becomes a rule. */
export const FALLBACK_TEMPLATE = `{
  // What AMPA answers where nobody needs to be asked. Saved rules hold from the next question on.
  //
  //   hold                   ask a person (as without this file, which accepts delegation alone)
  //   auto-accept            allow once, or the choice that means yes
  //   auto-decline           reject once, or the choice that means no
  //   accept-recommendation  what the question itself recommends
  //   discuss-options        the agent lays out the options first, then a person is asked
  //
  // An answer that was given by a rule is shown on the task's page, with the rule.

  // Where the project is known: owner/repo of the remote.
  "default": "hold",

  // Where it is not.
  "public_default": "hold",

  "projects": {
    // "me/shop": {
    //   "mode": "hold",
    //   "overrides": {
    //     // By what an agent wants to do (read, edit, delete, move, search, execute, fetch, other),
    //     // or by the kind that a script gives its question.
    //     "fetch": "auto-accept",
    //     "delete": "auto-decline"
    //   }
    // }
  }
}
`;
