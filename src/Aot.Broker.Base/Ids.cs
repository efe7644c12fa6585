namespace Aot.Broker.Base;

/// <summary>A position in a partition's log, counted in records. Not a place in a file: see <see cref="FilePosition"/>.</summary>
public readonly record struct LogOffset(long Value) : IComparable<LogOffset>
{
    public static LogOffset Zero => new(0);

    /// <summary>The wire's "none" (-1).</summary>
    public static LogOffset None => new(-1);

    public int CompareTo(LogOffset other) => Value.CompareTo(other.Value);

    public static bool operator <(LogOffset a, LogOffset b) => a.Value < b.Value;

    public static bool operator >(LogOffset a, LogOffset b) => a.Value > b.Value;

    public static bool operator <=(LogOffset a, LogOffset b) => a.Value <= b.Value;

    public static bool operator >=(LogOffset a, LogOffset b) => a.Value >= b.Value;

    public static LogOffset operator +(LogOffset a, long records) => new(a.Value + records);

    public static long operator -(LogOffset a, LogOffset b) => a.Value - b.Value;

    public override string ToString() => Value.ToString();
}

/// <summary>A byte position in a file.</summary>
public readonly record struct FilePosition(long Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A partition's number within its topic.</summary>
public readonly record struct PartitionIndex(int Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>Which core of this process, from 0.</summary>
public readonly record struct CoreIndex(int Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A node of the cluster (<c>node.id</c>).</summary>
public readonly record struct NodeId(int Value)
{
    public static NodeId None => new(-1);

    public override string ToString() => Value.ToString();
}

/// <summary>An open file descriptor of this process; negative = none.</summary>
public readonly record struct Fd(int Value)
{
    public static Fd None => new(-1);

    public bool IsOpen => Value >= 0;
}

/// <summary>
/// A Kafka uuid: 16 bytes in network order, written as 22 characters of base64url. The zero uuid means absent, and
/// (0,1) names the topic of the cluster metadata log (KIP-516).
/// </summary>
public readonly record struct KafkaUuid(ulong High, ulong Low) : IComparable<KafkaUuid>
{
    public const int SizeInBytes = 16;

    public static KafkaUuid Zero => default;

    public static KafkaUuid Metadata => new(0, 1);

    public bool IsZero => High == 0 && Low == 0;

    public int CompareTo(KafkaUuid other)
    {
        int high = ((long)High).CompareTo((long)other.High);
        return high != 0 ? high : ((long)Low).CompareTo((long)other.Low);
    }

    public static bool TryParse(ReadOnlySpan<char> text, out KafkaUuid uuid)
    {
        uuid = default;
        Span<char> padded = stackalloc char[24];
        Span<byte> bytes = stackalloc byte[18];
        if (text.Length != 22)
        {
            return false;
        }
        for (int i = 0; i < 22; i++)
        {
            padded[i] = text[i] switch
            {
                '-' => '+',
                '_' => '/',
                char c => c,
            };
        }
        padded[22] = padded[23] = '=';
        if (!Convert.TryFromBase64Chars(padded, bytes, out int written) || written != SizeInBytes)
        {
            return false;
        }
        uuid = Read(bytes);
        return true;
    }

    public static KafkaUuid Read(ReadOnlySpan<byte> source) =>
        new(
            System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(source),
            System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(source[8..])
        );

    public void Write(Span<byte> target)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(target, High);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(target[8..], Low);
    }

    /// <summary>A version 4 uuid whose text does not start with '-', so that it can stand on a command line.</summary>
    public static KafkaUuid NewRandom(Func<ulong> random)
    {
        while (true)
        {
            ulong high = (random() & ~0xF000UL) | 0x4000UL;
            ulong low = (random() & 0x3FFFFFFFFFFFFFFFUL) | 0x8000000000000000UL;
            KafkaUuid uuid = new(high, low);
            if (uuid.ToString()[0] != '-')
            {
                return uuid;
            }
        }
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[SizeInBytes];
        Write(bytes);
        return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }
}
