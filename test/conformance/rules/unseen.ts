/** Rules that nobody can see from outside, and what holds Tusker to them instead. */
export const UNSEEN: readonly { readonly rule: string; readonly why: string }[] = [
  { rule: 'CR-14', why: 'A server may do with metadata what it likes.' },
  {
    rule: 'CW-05',
    why: 'Who lost the answer knows no URL to ask; test/http/tus-body.test.ts, test/unit/lifecycle.',
  },
  { rule: 'EX-04', why: 'The time may change: there is nothing to break.' },
  { rule: 'CO-03', why: 'What a server does with a finished upload beside keeping it is its own affair.' },
  { rule: 'K-07', why: 'About the delays of clients.' },
  { rule: 'R-17', why: 'More 104s may come: there is nothing to break.' },
  { rule: 'R-30', why: 'The same as R-25 and R-26.' },
]
