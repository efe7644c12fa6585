using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Share;

/// <summary>Who may ask for records of a share group at all.</summary>
internal static class ShareMembers
{
    /// <summary>A member id is a UUID in text.</summary>
    private const int MemberIdLengthMax = 36;

    public static ErrorCode Check(
        MetadataImage image,
        string? groupId,
        string? memberId,
        out ShareSessionKey member,
        out string? message
    )
    {
        member = new ShareSessionKey(groupId ?? "", memberId ?? "");
        message = null;
        if (image.Features.Level(Features.ShareVersion) < 1)
        {
            return ErrorCode.UnsupportedVersion;
        }
        if (groupId is null)
        {
            message = "Invalid group id in the request.";
            return ErrorCode.InvalidRequest;
        }
        if (string.IsNullOrEmpty(memberId) || memberId.Length > MemberIdLengthMax)
        {
            message = "Invalid member id in the request.";
            return ErrorCode.InvalidRequest;
        }
        return ErrorCode.None;
    }
}
