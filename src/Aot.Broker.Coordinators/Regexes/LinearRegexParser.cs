using System.Globalization;

namespace Aot.Broker.Coordinators.Regexes;

/// <summary>
/// Reads RE2's syntax: alternatives, groups (named, uncaptured, with the flags i m s U), classes (Perl's, POSIX', Unicode
/// categories), repetitions greedy or not, up to 1000 times, quoted stretches, anchors. Back references and look-around do
/// not exist in RE2. Of scripts and categories only what is in ASCII is known.
/// </summary>
internal sealed class LinearRegexParser(string text)
{
    private const int RepetitionsMax = 1000;
    private const int StepsMax = 20_000;
    private const int DepthMax = 200;
    private const int Unbounded = -1;

    private int _at;
    private int _depth;
    private bool _ignoresCase;

    private bool IsAtEnd => _at >= text.Length;

    public RegexStep[]? Parse(out string? fault)
    {
        try
        {
            List<RegexStep> steps = Alternatives();
            if (!IsAtEnd)
            {
                throw new FormatException($"unexpected ) at {_at}");
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
        while (!IsAtEnd && text[_at] == '|')
        {
            _at++;
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
        while (!IsAtEnd && text[_at] is not ('|' or ')'))
        {
            if (text.AsSpan(_at).StartsWith(@"\Q", StringComparison.Ordinal))
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
        _at += 2;
        int end = text.IndexOf(@"\E", _at, StringComparison.Ordinal);
        string quoted = end < 0 ? text[_at..] : text[_at..end];
        _at = end < 0 ? text.Length : end + 2;
        foreach (char c in quoted)
        {
            Append(all, Take(CharSet.Of(c)));
        }
    }

    private List<RegexStep> Repeated(List<RegexStep> atom)
    {
        while (!IsAtEnd)
        {
            if (Operator() is not { } range)
            {
                return atom;
            }
            // Greedy or not makes no difference to whether the whole name matches.
            if (!IsAtEnd && text[_at] == '?')
            {
                _at++;
            }
            else if (!IsAtEnd && text[_at] is '*' or '+')
            {
                throw new FormatException($"bad repetition operator at {_at}");
            }
            atom = Repeat(atom, range.Least, range.Most);
        }
        return atom;
    }

    /// <summary>Takes a repetition operator; null when there is none.</summary>
    private (int Least, int Most)? Operator() =>
        text[_at] == '{' ? Counts()
        : Accept("*") ? (0, Unbounded)
        : Accept("+") ? (1, Unbounded)
        : Accept("?") ? (0, 1)
        : null;

    /// <summary>{n}, {n,} or {n,m}; null when the brace is meant as itself.</summary>
    private (int Least, int Most)? Counts()
    {
        int close = text.IndexOf('}', _at);
        if (close < 0)
        {
            return null;
        }
        string[] parts = text[(_at + 1)..close].Split(',');
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
            throw new FormatException($"invalid repeat count at {_at}");
        }
        _at = close + 1;
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
        char c = text[_at++];
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return Take(Class());
            case '.':
                return Take(CharSet.All);
            case '^':
                return [new RegexStep(RegexOp.AtBegin)];
            case '$':
                return [new RegexStep(RegexOp.AtEnd)];
            case '*' or '+' or '?':
                throw new FormatException($"nothing to repeat at {_at - 1}");
            case '\\':
                return Escape();
            default:
                return Take(CharSet.Of(c));
        }
    }

    private List<RegexStep> Group()
    {
        bool outerCase = _ignoresCase;
        if (!IsAtEnd && text[_at] == '?')
        {
            _at++;
            if (Accept("P<") || Accept("<"))
            {
                int close = text.IndexOf('>', _at);
                if (close <= _at || !text[_at..close].All(CharSet.Word.Contains))
                {
                    throw new FormatException($"invalid group name at {_at}");
                }
                _at = close + 1;
            }
            else if (Flags())
            {
                // The flags hold for the rest of the enclosing group.
                return [];
            }
        }
        List<RegexStep> inner = Alternatives();
        if (IsAtEnd)
        {
            throw new FormatException("missing closing )");
        }
        _at++;
        _ignoresCase = outerCase;
        return inner;
    }

    /// <summary>True when the group holds nothing but flags: (?i) rather than (?i:...).</summary>
    private bool Flags()
    {
        bool on = true;
        while (!IsAtEnd)
        {
            switch (text[_at++])
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
                    throw new FormatException($"invalid group syntax at {_at - 1}");
            }
        }
        throw new FormatException("missing closing )");
    }

    private List<RegexStep> Escape()
    {
        if (IsAtEnd)
        {
            throw new FormatException("trailing backslash");
        }
        switch (text[_at])
        {
            case 'A':
                _at++;
                return [new RegexStep(RegexOp.AtBegin)];
            case 'z':
                _at++;
                return [new RegexStep(RegexOp.AtEnd)];
            case 'b':
                _at++;
                return [new RegexStep(RegexOp.AtWordEdge)];
            case 'B':
                _at++;
                return [new RegexStep(RegexOp.NotAtWordEdge)];
            case 'C':
                _at++;
                return Take(CharSet.All);
            default:
                return Take(EscapedClass() ?? CharSet.Of(EscapedChar()));
        }
    }

    /// <summary>After a backslash: \d \w \s \pN \p{...} and their opposites, else null.</summary>
    private CharSet? EscapedClass()
    {
        char c = text[_at];
        CharSet? set = char.ToLowerInvariant(c) switch
        {
            'd' => CharSet.Digits,
            'w' => CharSet.Word,
            's' => CharSet.Space,
            'p' => null,
            _ => default(CharSet?),
        };
        if (c is 'p' or 'P')
        {
            _at++;
            CharSet category = Category();
            return c == 'P' ? ~category : category;
        }
        if (set is not { } found)
        {
            return null;
        }
        _at++;
        return char.IsUpper(c) ? ~found : found;
    }

    /// <summary>A Unicode category by one letter, or by its name in braces; what scripts have in ASCII are Latin's letters.</summary>
    private CharSet Category()
    {
        if (IsAtEnd)
        {
            throw new FormatException("invalid character class at the end");
        }
        string name = text[_at++].ToString();
        if (name == "{")
        {
            int close = text.IndexOf('}', _at);
            if (close < 0)
            {
                throw new FormatException($"invalid character class at {_at}");
            }
            name = text[_at..close];
            _at = close + 1;
        }
        bool isNegated = name.StartsWith('^');
        name = isNegated ? name[1..] : name;
        CharSet set = name switch
        {
            "Any" => CharSet.All,
            "Latin" => CharSet.Letters,
            "Common" => ~CharSet.Letters,
            { Length: 1 or 2 } when "LMNPSZC".Contains(name[0]) => CharSet.Where(c =>
                CategoryCode(c).StartsWith(name, StringComparison.Ordinal)
            ),
            { Length: > 2 } when name.All(char.IsAsciiLetter) => CharSet.None,
            _ => throw new FormatException($"invalid character class {name}"),
        };
        return isNegated ? ~set : set;
    }

    private static string CategoryCode(char c) =>
        char.GetUnicodeCategory(c) switch
        {
            UnicodeCategory.UppercaseLetter => "Lu",
            UnicodeCategory.LowercaseLetter => "Ll",
            UnicodeCategory.DecimalDigitNumber => "Nd",
            UnicodeCategory.SpaceSeparator => "Zs",
            UnicodeCategory.Control => "Cc",
            UnicodeCategory.ConnectorPunctuation => "Pc",
            UnicodeCategory.DashPunctuation => "Pd",
            UnicodeCategory.OpenPunctuation => "Ps",
            UnicodeCategory.ClosePunctuation => "Pe",
            UnicodeCategory.OtherPunctuation => "Po",
            UnicodeCategory.MathSymbol => "Sm",
            UnicodeCategory.CurrencySymbol => "Sc",
            UnicodeCategory.ModifierSymbol => "Sk",
            _ => "So",
        };

    private char EscapedChar()
    {
        char c = text[_at++];
        switch (c)
        {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'a':
                return '\a';
            case 'x':
                return HexChar();
            case >= '0' and <= '7' when c == '0' || (_at < text.Length && text[_at] is >= '0' and <= '7'):
                int value = c - '0';
                for (int i = 0; i < 2 && !IsAtEnd && text[_at] is >= '0' and <= '7'; i++)
                {
                    value = (value * 8) + (text[_at++] - '0');
                }
                return (char)value;
            default:
                return CharSet.Word.Contains(c) && c != '_'
                    ? throw new FormatException($"invalid escape \\{c} at {_at - 2}")
                    : c;
        }
    }

    private char HexChar()
    {
        int length = 2;
        if (Accept("{"))
        {
            length = text.IndexOf('}', _at) - _at;
        }
        bool isValid =
            length is > 0 and <= 6
            && _at + length <= text.Length
            && int.TryParse(
                text.AsSpan(_at, length),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out _
            );
        if (!isValid)
        {
            throw new FormatException($"invalid escape at {_at}");
        }
        int value = int.Parse(text.AsSpan(_at, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        _at += length;
        Accept("}");
        return value <= char.MaxValue ? (char)value : char.MaxValue;
    }

    /// <summary>Behind the opening bracket.</summary>
    private CharSet Class()
    {
        bool isNegated = Accept("^");
        CharSet set = CharSet.None;
        for (bool isFirst = true; ; isFirst = false)
        {
            if (IsAtEnd)
            {
                throw new FormatException("missing closing ]");
            }
            if (text[_at] == ']' && !isFirst)
            {
                _at++;
                return isNegated ? ~Cased(set) : Cased(set);
            }
            set |= ClassItem();
        }
    }

    private CharSet ClassItem()
    {
        if (Accept("[:"))
        {
            return PosixClass();
        }
        if (text[_at] == '\\' && _at + 1 < text.Length)
        {
            _at++;
            if (EscapedClass() is { } set)
            {
                return set;
            }
            _at--;
        }
        char first = ClassChar();
        if (_at + 1 < text.Length && text[_at] == '-' && text[_at + 1] != ']')
        {
            _at++;
            char last = ClassChar();
            return last < first
                ? throw new FormatException($"invalid character class range at {_at}")
                : CharSet.Range(first, last);
        }
        return CharSet.Of(first);
    }

    private char ClassChar()
    {
        char c = text[_at++];
        if (c != '\\')
        {
            return c;
        }
        return IsAtEnd ? throw new FormatException("trailing backslash") : EscapedChar();
    }

    private CharSet PosixClass()
    {
        bool isNegated = Accept("^");
        int close = text.IndexOf(":]", _at, StringComparison.Ordinal);
        string name = close < 0 ? "" : text[_at..close];
        CharSet set = name switch
        {
            "alnum" => CharSet.Letters | CharSet.Digits,
            "alpha" => CharSet.Letters,
            "ascii" => CharSet.All,
            "blank" => CharSet.Of(' ') | CharSet.Of('\t'),
            "cntrl" => CharSet.Where(char.IsControl),
            "digit" => CharSet.Digits,
            "graph" => CharSet.Range('!', '~'),
            "lower" => CharSet.Range('a', 'z'),
            "print" => CharSet.Range(' ', '~'),
            "punct" => CharSet.Where(c => c is >= '!' and <= '~' && !char.IsAsciiLetterOrDigit(c)),
            "space" => CharSet.Space | CharSet.Of('\v'),
            "upper" => CharSet.Range('A', 'Z'),
            "word" => CharSet.Word,
            "xdigit" => CharSet.Where(char.IsAsciiHexDigit),
            _ => throw new FormatException($"invalid character class at {_at}"),
        };
        _at = close + 2;
        return isNegated ? ~set : set;
    }

    private bool Accept(string expected)
    {
        bool isThere = text.AsSpan(_at).StartsWith(expected, StringComparison.Ordinal);
        _at += isThere ? expected.Length : 0;
        return isThere;
    }

    private CharSet Cased(CharSet set) => _ignoresCase ? set.IgnoringCase() : set;

    private List<RegexStep> Take(CharSet set) => [new RegexStep(RegexOp.Take, Cased(set))];

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
