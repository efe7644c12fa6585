using System.Globalization;
using System.Text;

namespace Aot.Broker.Configuration;

/// <summary>One entry of a properties file and the line on which it starts.</summary>
public readonly record struct PropertyEntry(string Key, string Value, int Line);

/// <summary>
/// The text form of Java's properties files, as server.properties and meta.properties have it: <c>#</c> and <c>!</c>
/// start comments, <c>=</c>, <c>:</c> or white space ends a key, a backslash at the end of a line continues it, and
/// <c>\t \n \r \f \u263a</c> are escapes; before any other character a backslash vanishes.
/// </summary>
public static class PropertiesFile
{
    /// <summary>All entries in order, repeats included; throws <see cref="FormatException"/> with the line.</summary>
    public static List<PropertyEntry> Parse(string text)
    {
        List<PropertyEntry> entries = [];
        string[] lines = text.ReplaceLineEndings("\n").Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            int first = i;
            string line = lines[i].TrimStart(' ', '\t', '\f');
            if (line.Length == 0 || line[0] is '#' or '!')
            {
                continue;
            }
            while (EndsWithOddBackslashes(line))
            {
                line = line[..^1];
                if (++i >= lines.Length)
                {
                    break;
                }
                line += lines[i].TrimStart(' ', '\t', '\f');
            }
            int keyEnd = FindKeyEnd(line);
            int valueStart = keyEnd;
            while (valueStart < line.Length && line[valueStart] is ' ' or '\t' or '\f')
            {
                valueStart++;
            }
            if (valueStart < line.Length && line[valueStart] is '=' or ':')
            {
                valueStart++;
                while (valueStart < line.Length && line[valueStart] is ' ' or '\t' or '\f')
                {
                    valueStart++;
                }
            }
            entries.Add(
                new PropertyEntry(
                    Unescape(line[..keyEnd], first + 1),
                    Unescape(line[valueStart..], first + 1),
                    first + 1
                )
            );
        }
        return entries;
    }

    /// <summary>One line <c>key=value</c> that <see cref="Parse"/>, and Java, read back as they were.</summary>
    public static string Format(string key, string value) =>
        Escape(key, isKey: true) + "=" + Escape(value, isKey: false);

    private static bool EndsWithOddBackslashes(string line)
    {
        int count = 0;
        while (count < line.Length && line[line.Length - 1 - count] == '\\')
        {
            count++;
        }
        return count % 2 == 1;
    }

    private static int FindKeyEnd(string line)
    {
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '\\')
            {
                i++;
            }
            else if (line[i] is '=' or ':' or ' ' or '\t' or '\f')
            {
                return i;
            }
        }
        return line.Length;
    }

    private static string Unescape(string text, int line)
    {
        if (!text.Contains('\\'))
        {
            return text;
        }
        StringBuilder plain = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || ++i == text.Length)
            {
                if (i < text.Length)
                {
                    plain.Append(text[i]);
                }
                continue;
            }
            if (text[i] == 'u')
            {
                if (
                    i + 4 >= text.Length
                    || !ushort.TryParse(
                        text.AsSpan(i + 1, 4),
                        NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture,
                        out ushort code
                    )
                )
                {
                    throw new FormatException($"line {line}: \\u must be followed by four hexadecimal digits");
                }
                plain.Append((char)code);
                i += 4;
                continue;
            }
            plain.Append(
                text[i] switch
                {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    'f' => '\f',
                    char c => c,
                }
            );
        }
        return plain.ToString();
    }

    private static string Escape(string text, bool isKey)
    {
        StringBuilder escaped = new(text.Length + 8);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            switch (c)
            {
                case ' ' when isKey || i == 0:
                    escaped.Append("\\ ");
                    break;
                case '\t':
                    escaped.Append("\\t");
                    break;
                case '\n':
                    escaped.Append("\\n");
                    break;
                case '\r':
                    escaped.Append("\\r");
                    break;
                case '\f':
                    escaped.Append("\\f");
                    break;
                case '\\' or '=' or ':' or '#' or '!':
                    escaped.Append('\\').Append(c);
                    break;
                case < ' ' or > '~':
                    escaped.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
                    break;
                default:
                    escaped.Append(c);
                    break;
            }
        }
        return escaped.ToString();
    }
}
