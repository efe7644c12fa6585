using Aot.Broker.Base;

namespace Aot.Broker.Coordinators.Groups;

public enum ClassicGroupState
{
    /// <summary>No members; the group may hold committed offsets.</summary>
    Empty,

    /// <summary>Waiting for all members to join the next generation.</summary>
    PreparingRebalance,

    /// <summary>Every member has joined; waiting for the leader's assignment.</summary>
    CompletingRebalance,

    /// <summary>Every member has, or can fetch, its assignment.</summary>
    Stable,

    /// <summary>Removed: whoever still holds a reference has to look the group up again.</summary>
    Dead,
}

/// <summary>
/// The membership of a group of the classic protocol: who is in it, which generation, who leads, how partitions are
/// divided. Pure state with its transitions; timers, the log and parked answers are the shard's. Owned by one core.
///
/// Invariants: a leader is a member; every static instance name points to a member; the generation never falls; the
/// state moves only along the edges that <see cref="TransitionTo"/> lists.
/// </summary>
public sealed class ClassicGroup(string groupId)
{
    private readonly OrderedMembers members = new();
    private readonly Dictionary<string, string> staticMembers = [];
    private readonly HashSet<string> pendingMembers = [];

    /// <summary>How many members know a protocol: asked at every join, of groups of thousands.</summary>
    private readonly Dictionary<string, int> supporters = [];

    public string GroupId { get; } = groupId;

    public ClassicGroupState State { get; private set; } = ClassicGroupState.Empty;

    public int Generation { get; private set; }

    /// <summary>"consumer" for consumers; null for a group that only holds offsets ("simple").</summary>
    public string? ProtocolType { get; private set; }

    public string? ProtocolName { get; private set; }

    public string? LeaderId { get; private set; }

    /// <summary>Wall clock of the last change of state, in milliseconds; -1 = unknown.</summary>
    public long StateTimestampMs { get; set; } = -1;

    /// <summary>Set when somebody joined while the first rebalance of an empty group is being delayed.</summary>
    public bool NewMemberAdded { get; set; }

    public IReadOnlyCollection<ClassicMember> Members => members;

    public IReadOnlySet<string> PendingMembers => pendingMembers;

    public int Size => members.Count + pendingMembers.Count;

    public ClassicMember? Find(string memberId) => members.Find(memberId);

    /// <summary>The same for an id that is no string yet.</summary>
    [HotPath]
    internal ClassicMember? Find(ReadOnlySpan<char> memberId) => members.Find(memberId);

    public string? StaticMemberId(string instanceId) => staticMembers.GetValueOrDefault(instanceId);

    public bool IsLeader(string memberId) => LeaderId == memberId;

    public bool HasAllJoined
    {
        get
        {
            if (pendingMembers.Count > 0)
            {
                return false;
            }
            foreach (ClassicMember member in members)
            {
                if (member.AwaitingJoin is null)
                {
                    return false;
                }
            }
            return true;
        }
    }

    public int RebalanceTimeoutMs
    {
        get
        {
            int longest = 0;
            foreach (ClassicMember member in members)
            {
                longest = Math.Max(longest, member.RebalanceTimeoutMs);
            }
            return longest;
        }
    }

    public void AddPending(string memberId) => pendingMembers.Add(memberId);

    public bool RemovePending(string memberId) => pendingMembers.Remove(memberId);

    public bool IsPending(string memberId) => pendingMembers.Contains(memberId);

    public void Add(ClassicMember member, string protocolType)
    {
        if (members.Count == 0)
        {
            ProtocolType = protocolType;
        }
        Invariant.That(ProtocolType == protocolType);
        members.Add(member);
        CountSupport(member, 1);
        pendingMembers.Remove(member.MemberId);
        if (member.InstanceId is not null)
        {
            staticMembers[member.InstanceId] = member.MemberId;
        }
        LeaderId ??= member.MemberId;
    }

    public void Remove(ClassicMember member)
    {
        if (Find(member.MemberId) == member)
        {
            CountSupport(member, -1);
        }
        members.Remove(member.MemberId);
        if (member.InstanceId is not null && staticMembers.GetValueOrDefault(member.InstanceId) == member.MemberId)
        {
            staticMembers.Remove(member.InstanceId);
        }
        if (LeaderId == member.MemberId)
        {
            LeaderId = members.FirstOrDefault()?.MemberId;
        }
    }

    /// <summary>A member that joins again says anew how it can divide partitions.</summary>
    public void Update(ClassicMember member, IReadOnlyList<MemberProtocol> protocols)
    {
        CountSupport(member, -1);
        member.Protocols = protocols;
        CountSupport(member, 1);
    }

    /// <summary>A static member that came back under a new id takes the place, and the role, of the old one.</summary>
    public void ReplaceStatic(ClassicMember old, ClassicMember successor)
    {
        Invariant.That(old.InstanceId is not null && old.InstanceId == successor.InstanceId);
        members.Replace(old.MemberId, successor);
        CountSupport(old, -1);
        CountSupport(successor, 1);
        staticMembers[successor.InstanceId!] = successor.MemberId;
        if (LeaderId == old.MemberId)
        {
            LeaderId = successor.MemberId;
        }
    }

    /// <summary>
    /// Makes sure that the leader is somebody who takes part in the rebalance that ends now. False when nobody does.
    /// </summary>
    public bool ElectJoinedLeader()
    {
        if (LeaderId is not null && Find(LeaderId)?.AwaitingJoin is not null)
        {
            return true;
        }
        foreach (ClassicMember member in members)
        {
            if (member.AwaitingJoin is not null)
            {
                LeaderId = member.MemberId;
                return true;
            }
        }
        return false;
    }

    public void TransitionTo(ClassicGroupState next, long wallMillis)
    {
        bool allowed = next switch
        {
            ClassicGroupState.Empty => State == ClassicGroupState.PreparingRebalance,
            ClassicGroupState.PreparingRebalance => State
                is ClassicGroupState.Empty
                    or ClassicGroupState.CompletingRebalance
                    or ClassicGroupState.Stable,
            ClassicGroupState.CompletingRebalance => State == ClassicGroupState.PreparingRebalance,
            ClassicGroupState.Stable => State == ClassicGroupState.CompletingRebalance,
            _ => true,
        };
        Invariant.That(allowed);
        State = next;
        StateTimestampMs = wallMillis;
    }

    /// <summary>Opens the next generation: with members the protocol that most of them like best, else an empty group.</summary>
    public void StartNextGeneration(long wallMillis)
    {
        Generation++;
        if (members.Count == 0)
        {
            ProtocolName = null;
            TransitionTo(ClassicGroupState.Empty, wallMillis);
        }
        else
        {
            ProtocolName = SelectProtocol();
            TransitionTo(ClassicGroupState.CompletingRebalance, wallMillis);
        }
    }

    /// <summary>Whether somebody with these protocols can be in the group beside its present members.</summary>
    public bool Accepts(string protocolType, IReadOnlyList<MemberProtocol> protocols)
    {
        if (members.Count == 0)
        {
            return protocolType.Length > 0 && protocols.Count > 0;
        }
        if (ProtocolType != protocolType)
        {
            return false;
        }
        foreach (MemberProtocol protocol in protocols)
        {
            if (IsCommon(protocol.Name))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Restores what a GroupMetadata record says; only for a group that has just been made.</summary>
    public void Restore(
        string protocolType,
        string? protocolName,
        int generation,
        string? leaderId,
        long stateTimestampMs,
        IEnumerable<ClassicMember> restored
    )
    {
        Invariant.That(members.Count == 0 && Generation == 0);
        ProtocolType = protocolType.Length == 0 ? null : protocolType;
        foreach (ClassicMember member in restored)
        {
            Add(member, protocolType);
        }
        ProtocolName = protocolName;
        Generation = generation;
        LeaderId = leaderId ?? LeaderId;
        State = members.Count == 0 ? ClassicGroupState.Empty : ClassicGroupState.Stable;
        StateTimestampMs = stateTimestampMs;
    }

    private string SelectProtocol()
    {
        HashSet<string> candidates = CommonProtocols();
        Invariant.That(candidates.Count > 0);
        return members
            .GroupBy(member => member.Vote(candidates)!)
            .OrderByDescending(votes => votes.Count())
            .ThenBy(votes => votes.Key, StringComparer.Ordinal)
            .First()
            .Key;
    }

    private HashSet<string> CommonProtocols()
    {
        HashSet<string> common = [];
        foreach (string name in supporters.Keys)
        {
            if (IsCommon(name))
            {
                common.Add(name);
            }
        }
        return common;
    }

    /// <summary>Whether every member knows the protocol.</summary>
    private bool IsCommon(string protocol) => supporters.GetValueOrDefault(protocol) == members.Count;

    private void CountSupport(ClassicMember member, int change)
    {
        for (int i = 0; i < member.Protocols.Count; i++)
        {
            string name = member.Protocols[i].Name;
            if (IsNamedBefore(member.Protocols, i))
            {
                continue;
            }
            int count = supporters.GetValueOrDefault(name) + change;
            if (count == 0)
            {
                supporters.Remove(name);
            }
            else
            {
                supporters[name] = count;
            }
        }
    }

    /// <summary>A member that names a protocol twice counts once.</summary>
    private static bool IsNamedBefore(IReadOnlyList<MemberProtocol> protocols, int index)
    {
        for (int i = 0; i < index; i++)
        {
            if (protocols[i].Name == protocols[index].Name)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Members in the order in which they came, found by id.</summary>
    private sealed class OrderedMembers : IReadOnlyCollection<ClassicMember>
    {
        private readonly List<ClassicMember> order = [];
        private readonly Dictionary<string, ClassicMember> byId;
        private readonly Dictionary<string, ClassicMember>.AlternateLookup<ReadOnlySpan<char>> byText;

        public OrderedMembers()
        {
            byId = new Dictionary<string, ClassicMember>(StringComparer.Ordinal);
            byText = byId.GetAlternateLookup<ReadOnlySpan<char>>();
        }

        public int Count => order.Count;

        public ClassicMember? Find(string memberId) => byId.GetValueOrDefault(memberId);

        [HotPath]
        public ClassicMember? Find(ReadOnlySpan<char> memberId) =>
            byText.TryGetValue(memberId, out ClassicMember? member) ? member : null;

        public void Add(ClassicMember member)
        {
            byId.Add(member.MemberId, member);
            order.Add(member);
        }

        public void Remove(string memberId)
        {
            if (byId.Remove(memberId, out ClassicMember? member))
            {
                order.Remove(member);
            }
        }

        public void Replace(string memberId, ClassicMember successor)
        {
            int place = order.IndexOf(byId[memberId]);
            byId.Remove(memberId);
            byId.Add(successor.MemberId, successor);
            order[place] = successor;
        }

        public IEnumerator<ClassicMember> GetEnumerator() => order.GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
