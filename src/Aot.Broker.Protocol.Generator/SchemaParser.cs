using System;
using System.Collections.Generic;
using System.Globalization;

namespace Aot.Broker.Protocol.Generator;

/// <summary>What is wrong with a schema, and in which line (from 1).</summary>
public sealed class SchemaException(int line, string message) : Exception(message)
{
    public int Line { get; } = line;
}

/// <summary>
/// Reads the text form of the schemas; <c>Schemas/README.md</c> describes it. The parser knows nothing of C#: a test
/// reads the same files through it and compares them with the reference definitions.
/// </summary>
public sealed class SchemaParser
{
    private const int IndentWidth = 2;

    private readonly SchemaFile _file = new();

    /// <summary>The lists of fields that are open, by depth of indentation.</summary>
    private readonly List<List<SchemaField>> _open = [];
    private string _recordName = "";
    private int _recordNumber = -1;
    private SchemaMessage? _message;
    private int _line;

    private SchemaParser() { }

    public static SchemaFile Parse(string text)
    {
        SchemaParser parser = new();
        foreach (string line in text.Split('\n'))
        {
            parser._line++;
            string content = line.TrimEnd();
            if (content.Trim().Length > 0 && content.TrimStart()[0] != '#')
            {
                parser.ParseLine(content);
            }
        }
        return parser._file;
    }

    /// <summary>"3+", "3-5", "3" or "none".</summary>
    public static VersionRange ParseVersions(string text)
    {
        if (text == "none")
        {
            return VersionRange.None;
        }
        int dash = text.IndexOf('-');
        if (text.EndsWith("+", StringComparison.Ordinal))
        {
            return new VersionRange(ParseNumber(text.Substring(0, text.Length - 1)), VersionRange.Open);
        }
        return dash < 0
            ? new VersionRange(ParseNumber(text), ParseNumber(text))
            : new VersionRange(ParseNumber(text.Substring(0, dash)), ParseNumber(text.Substring(dash + 1)));
    }

    private static int ParseNumber(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private void ParseLine(string content)
    {
        int indent = content.Length - content.TrimStart().Length;
        if (indent % IndentWidth != 0)
        {
            throw Wrong("the indentation is not a multiple of two");
        }
        Words words = new(content.Trim(), this);
        int depth = indent / IndentWidth;
        if (depth == 0)
        {
            ParseHead(words);
        }
        else if (depth > _open.Count)
        {
            throw Wrong("the line is indented too far");
        }
        else if (depth == 1 && words.Take("struct"))
        {
            ParseStruct(words);
        }
        else
        {
            ParseField(words, depth);
        }
    }

    private void ParseHead(Words words)
    {
        string kind = words.Next();
        switch (kind)
        {
            case "api":
                ParseApi(words);
                return;
            case "record":
                _recordNumber = words.NextNumber();
                _recordName = words.Next();
                if (words.AtEnd)
                {
                    // The head of a pair of key and value, which follow.
                    return;
                }
                ParseMessage(words, MessageKind.Record, _recordName, _recordNumber);
                return;
            case "key":
                ParseMessage(words, MessageKind.RecordKey, _recordName + "Key", _recordNumber);
                return;
            case "value":
                ParseMessage(words, MessageKind.RecordValue, _recordName + "Value", _recordNumber);
                return;
            case "data":
                ParseMessage(words, MessageKind.Data, words.Next(), -1);
                return;
            case "header":
                ParseMessage(words, MessageKind.Header, words.Next(), -1);
                return;
            case "request" when _file.Api is { } api:
                ParseMessage(words, MessageKind.Request, api.Name + "Request", api.Number);
                return;
            case "response" when _file.Api is { } api:
                ParseMessage(words, MessageKind.Response, api.Name + "Response", api.Number);
                return;
            default:
                throw Wrong("unexpected " + kind);
        }
    }

    private void ParseApi(Words words)
    {
        SchemaApi api = new() { Number = words.NextNumber(), Name = words.Next() };
        if (words.Take("on"))
        {
            api.OnBroker = words.Take("broker");
            api.OnController = words.Take("controller");
        }
        api.IsForwardable = words.Take("forwardable");
        api.IsClusterAction = words.Take("cluster-action");
        words.End();
        _file.Api = api;
    }

    private void ParseMessage(Words words, MessageKind kind, string name, int number)
    {
        SchemaMessage message = new()
        {
            Kind = kind,
            Name = name,
            Number = number,
            Versions = words.NextVersions(),
        };
        if (words.Take("flexible"))
        {
            message.Flexible = words.NextVersions();
        }
        message.LatestUnstable = words.Take("unstable");
        words.End();
        _file.Messages.Add(message);
        _message = message;
        _open.Clear();
        _open.Add(message.Fields);
    }

    private void ParseStruct(Words words)
    {
        SchemaStruct common = new() { Name = words.Next(), Versions = words.NextVersions() };
        words.End();
        _message!.Structs.Add(common);
        _open.RemoveRange(1, _open.Count - 1);
        _open.Add(common.Fields);
    }

    private void ParseField(Words words, int depth)
    {
        string name = words.Next();
        if (!name.EndsWith(":", StringComparison.Ordinal))
        {
            throw Wrong("a field is written as Name: type versions");
        }
        string type = words.Next();
        bool isArray = type.StartsWith("[]", StringComparison.Ordinal);
        SchemaField field = new()
        {
            Name = name.Substring(0, name.Length - 1),
            Type = isArray ? type.Substring(2) : type,
            IsArray = isArray,
            Versions = words.NextVersions(),
            Line = _line,
        };
        ParseOptions(words, field);
        _open.RemoveRange(depth, _open.Count - depth);
        _open[depth - 1].Add(field);
        if (field.IsStruct)
        {
            _open.Add(field.Fields);
        }
    }

    private static void ParseOptions(Words words, SchemaField field)
    {
        if (words.Take("nullable"))
        {
            field.Nullable = words.NextVersions();
        }
        if (words.Take("tag"))
        {
            field.Tag = words.NextNumber();
            field.TagVersions = words.AtVersions ? words.NextVersions() : field.Versions;
        }
        if (words.Take("default"))
        {
            field.Default = words.Next();
        }
        field.IsKey = words.Take("key");
        field.IsIgnorable = words.Take("ignorable");
        field.IsZeroCopy = words.Take("zerocopy");
        field.IsNeverCompact = words.Take("never-compact");
        if (words.Take("entity"))
        {
            field.Entity = words.Next();
        }
        words.End();
    }

    private SchemaException Wrong(string message) => new(_line, message);

    /// <summary>The words of a line, in order.</summary>
    private sealed class Words(string line, SchemaParser parser)
    {
        private readonly string[] _words = line.Split([' '], StringSplitOptions.RemoveEmptyEntries);
        private int _next;

        public bool AtEnd => _next == _words.Length;

        public bool AtVersions => !AtEnd && (char.IsDigit(_words[_next][0]) || _words[_next] == "none");

        public string Next() => AtEnd ? throw parser.Wrong("the line ends too early") : _words[_next++];

        public bool Take(string word)
        {
            bool found = !AtEnd && _words[_next] == word;
            _next += found ? 1 : 0;
            return found;
        }

        public int NextNumber() =>
            int.TryParse(Next(), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? number
                : throw parser.Wrong("a number was expected");

        public VersionRange NextVersions()
        {
            string text = Next();
            try
            {
                return ParseVersions(text);
            }
            catch (FormatException)
            {
                throw parser.Wrong(text + " is not a range of versions");
            }
        }

        public void End()
        {
            if (!AtEnd)
            {
                throw parser.Wrong("unexpected " + _words[_next]);
            }
        }
    }
}
