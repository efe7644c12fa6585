using System.Globalization;

namespace Aot.Broker.Coordinators.Regexes;

/// <summary>
/// Reads RE2's syntax: alternatives, groups (named, uncaptured, with the flags i m s U), classes (Perl's, POSIX', Unicode
/// categories), repetitions greedy or not, up to 1000 times, quoted stretches, anchors. Back references and look-around do
/// not exist in RE2. Of scripts and categories only what is in ASCII is known.
/// </summary>
internal sealed class LinearRegexParser
{
    private const int RepetitionsMax = 1000;
    private const int StepsMax = 20_000;
    private const int DepthMax = 200;
    private const int Unbounded = -1;

    private readonly RegexText _text;
    private readonly CharSetReader _sets;
    private int _depth;
    private bool _ignoresCase;

    public LinearRegexParser(string text)
    {
        _text = new RegexText(text);
        _sets = new CharSetReader(_text);
    }

    public RegexStep[]? Parse(out string? fault)
    {
        try
        {
            List<RegexStep> steps = Alternatives();
            if (!_text.IsAtEnd)
            {
                throw new FormatException($"unexpected ) at {_text.At}");
            }
            steps.Add(new RegexStep(RegexOp.Match));
            fault = null;
            return [.. steps];
        }
        catch (FormatException error)
        {
            fault = error.Message;
            return null;
        }
    }

    // Each of these returns steps that are entered at the first and left behind the last; targets are relative to the
    // first step until they are appended to others.

    private List<RegexStep> Alternatives()
    {
        if (++_depth > DepthMax)
        {
            throw new FormatException("groups are nested too deeply");
        }
        List<RegexStep> all = Sequence();
        while (!_text.IsAtEnd && _text.Next == '|')
        {
            _text.At++;
            List<RegexStep> other = Sequence();
            List<RegexStep> either = [new RegexStep(RegexOp.Split, Target: 1, Other: all.Count + 2)];
            Append(either, all);
            either.Add(new RegexStep(RegexOp.Jump, Target: either.Count + 1 + other.Count));
            Append(either, other);
            all = either;
        }
        _depth--;
        return all;
    }

    private List<RegexStep> Sequence()
    {
        List<RegexStep> all = [];
        while (!_text.IsAtEnd && _text.Next is not ('|' or ')'))
        {
            if (_text.Accept(@"\Q"))
            {
                Quoted(all);
                continue;
            }
            Append(all, Repeated(Atom()));
        }
        return all;
    }

    private void Quoted(List<RegexStep> all)
    {
        int end = _text.Find(@"\E");
        string quoted = _text.Until(end < 0 ? _text.Length : end);
        _text.At = end < 0 ? _text.Length : end + 2;
        foreach (char c in quoted)
        {
            Append(all, Take(CharSet.Of(c)));
        }
    }

    private List<RegexStep> Repeated(List<RegexStep> atom)
    {
        while (!_text.IsAtEnd)
        {
            if (Operator() is not { } range)
            {
                return atom;
            }
            // Greedy or not makes no difference to whether the whole name matches.
            if (!_text.IsAtEnd && _text.Next == '?')
            {
                _text.At++;
            }
            else if (!_text.IsAtEnd && _text.Next is '*' or '+')
            {
                throw new FormatException($"bad repetition operator at {_text.At}");
            }
            atom = Repeat(atom, range.Least, range.Most);
        }
        return atom;
    }

    /// <summary>Takes a repetition operator; null when there is none.</summary>
    private (int Least, int Most)? Operator() =>
        _text.Next == '{' ? Counts()
        : _text.Accept("*") ? (0, Unbounded)
        : _text.Accept("+") ? (1, Unbounded)
        : _text.Accept("?") ? (0, 1)
        : null;

    /// <summary>{n}, {n,} or {n,m}; null when the brace is meant as itself.</summary>
    private (int Least, int Most)? Counts()
    {
        int close = _text.Find('}');
        if (close < 0)
        {
            return null;
        }
        string[] parts = _text.Between(_text.At + 1, close).Split(',');
        if (parts.Length > 2 || !TryCount(parts[0], out int least))
        {
            return null;
        }
        int most = least;
        if (parts.Length == 2 && parts[1].Length == 0)
        {
            most = Unbounded;
        }
        else if (parts.Length == 2 && !TryCount(parts[1], out most))
        {
            return null;
        }
        if (least > RepetitionsMax || most > RepetitionsMax || (most != Unbounded && most < least))
        {
            throw new FormatException($"invalid repeat count at {_text.At}");
        }
        _text.At = close + 1;
        return (least, most);
    }

    private static bool TryCount(string digits, out int count) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out count);

    private static List<RegexStep> Repeat(List<RegexStep> atom, int least, int most)
    {
        List<RegexStep> all = [];
        for (int i = 0; i < least; i++)
        {
            Append(all, atom);
        }
        if (most == Unbounded)
        {
            int start = all.Count;
            all.Add(new RegexStep(RegexOp.Split, Target: start + 1, Other: start + atom.Count + 2));
            Append(all, atom);
            all.Add(new RegexStep(RegexOp.Jump, Target: start));
            return all;
        }
        int end = all.Count + ((most - least) * (atom.Count + 1));
        for (int i = least; i < most; i++)
        {
            all.Add(new RegexStep(RegexOp.Split, Target: all.Count + 1, Other: end));
            Append(all, atom);
        }
        return all;
    }

    private List<RegexStep> Atom()
    {
        char c = _text.Take();
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return [new RegexStep(RegexOp.Take, _sets.Class(_ignoresCase))];
            case '.':
                return Take(CharSet.All);
            case '^':
                return [new RegexStep(RegexOp.AtBegin)];
            case '$':
                return [new RegexStep(RegexOp.AtEnd)];
            case '*' or '+' or '?':
                throw new FormatException($"nothing to repeat at {_text.At - 1}");
            case '\\':
                return Escape();
            default:
                return Take(CharSet.Of(c));
        }
    }

    private List<RegexStep> Group()
    {
        bool outerCase = _ignoresCase;
        if (!_text.IsAtEnd && _text.Next == '?')
        {
            _text.At++;
            if (_text.Accept("P<") || _text.Accept("<"))
            {
                int close = _text.Find('>');
                if (close <= _text.At || !_text.Until(close).All(CharSet.Word.Contains))
                {
                    throw new FormatException($"invalid group name at {_text.At}");
                }
                _text.At = close + 1;
            }
            else if (Flags())
            {
                // The flags hold for the rest of the enclosing group.
                return [];
            }
        }
        List<RegexStep> inner = Alternatives();
        if (_text.IsAtEnd)
        {
            throw new FormatException("missing closing )");
        }
        _text.At++;
        _ignoresCase = outerCase;
        return inner;
    }

    /// <summary>True when the group holds nothing but flags: (?i) rather than (?i:...).</summary>
    private bool Flags()
    {
        bool on = true;
        while (!_text.IsAtEnd)
        {
            switch (_text.Take())
            {
                case '-' when on:
                    on = false;
                    break;
                case 'i':
                    _ignoresCase = on;
                    break;
                case 'm' or 's' or 'U':
                    // Names have one line, and are matched as a whole.
                    break;
                case ':':
                    return false;
                case ')':
                    return true;
                default:
                    throw new FormatException($"invalid group syntax at {_text.At - 1}");
            }
        }
        throw new FormatException("missing closing )");
    }

    private List<RegexStep> Escape()
    {
        if (_text.IsAtEnd)
        {
            throw new FormatException("trailing backslash");
        }
        switch (_text.Next)
        {
            case 'A':
                _text.At++;
                return [new RegexStep(RegexOp.AtBegin)];
            case 'z':
                _text.At++;
                return [new RegexStep(RegexOp.AtEnd)];
            case 'b':
                _text.At++;
                return [new RegexStep(RegexOp.AtWordEdge)];
            case 'B':
                _text.At++;
                return [new RegexStep(RegexOp.NotAtWordEdge)];
            case 'C':
                _text.At++;
                return Take(CharSet.All);
            default:
                return Take(_sets.EscapedClass() ?? CharSet.Of(_sets.EscapedChar()));
        }
    }

    private List<RegexStep> Take(CharSet set) => [new RegexStep(RegexOp.Take, _ignoresCase ? set.IgnoringCase() : set)];

    private static void Append(List<RegexStep> all, List<RegexStep> more)
    {
        if (all.Count + more.Count > StepsMax)
        {
            throw new FormatException("the expression is too large");
        }
        int start = all.Count;
        foreach (RegexStep step in more)
        {
            all.Add(step with { Target = step.Target + start, Other = step.Other + start });
        }
    }
}
