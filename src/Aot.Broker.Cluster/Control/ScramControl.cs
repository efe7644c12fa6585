using System.Security.Cryptography;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>SCRAM credentials (RFC 5802): what is asked of them and what changes them, over an image.</summary>
public static class ScramControl
{
    private const sbyte Sha256 = 1;
    private const sbyte Sha512 = 2;
    private const int IterationsMin = 4096;
    private const int IterationsMax = 16384;

    internal static ControlPlan<AlterUserScramCredentialsResponse> Alter(
        MetadataImage image,
        AlterUserScramCredentialsRequest request
    )
    {
        List<MetadataRecord> records = [];
        AlterUserScramCredentialsResponse response = new() { Results = [] };
        SortedDictionary<string, ApiError> users = new(StringComparer.Ordinal);
        HashSet<ScramKey> keys = [];
        void Note(ScramKey key, ApiError error)
        {
            if (!keys.Add(key))
            {
                error = new ApiError(
                    ErrorCode.DuplicateResource,
                    "A user credential cannot be altered twice in the same request"
                );
            }
            if (!users.TryGetValue(key.User, out ApiError known) || !known.IsError)
            {
                users[key.User] = error;
            }
        }
        foreach (AlterUserScramCredentialsRequest.ScramCredentialDeletion deletion in request.Deletions)
        {
            Note(new ScramKey(deletion.Name, deletion.Mechanism), CheckDeletion(image, deletion));
        }
        foreach (AlterUserScramCredentialsRequest.ScramCredentialUpsertion upsertion in request.Upsertions)
        {
            Note(new ScramKey(upsertion.Name, upsertion.Mechanism), CheckUpsertion(image, upsertion));
        }
        foreach (AlterUserScramCredentialsRequest.ScramCredentialDeletion deletion in request.Deletions)
        {
            if (!users[deletion.Name].IsError)
            {
                records.Add(
                    new MetadataRecord(
                        new RemoveUserScramCredentialRecord { Name = deletion.Name, Mechanism = deletion.Mechanism },
                        0
                    )
                );
            }
        }
        foreach (AlterUserScramCredentialsRequest.ScramCredentialUpsertion upsertion in request.Upsertions)
        {
            if (!users[upsertion.Name].IsError)
            {
                records.Add(
                    ImageRecords.Scram(
                        new ScramKey(upsertion.Name, upsertion.Mechanism),
                        CredentialOf(
                            upsertion.Mechanism,
                            [.. upsertion.Salt],
                            [.. upsertion.SaltedPassword],
                            upsertion.Iterations
                        )
                    )
                );
            }
        }
        foreach ((string user, ApiError error) in users)
        {
            response.Results.Add(
                new AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult
                {
                    User = user,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<AlterUserScramCredentialsResponse>(records, response);
    }

    /// <summary>The keys that the server stores, from the password that the client salted.</summary>
    internal static ScramCredentialImage CredentialOf(sbyte mechanism, byte[] salt, byte[] salted, int iterations)
    {
        if (mechanism == Sha512)
        {
            byte[] clientKey512 = HMACSHA512.HashData(salted, "Client Key"u8);
            return new ScramCredentialImage(
                salt,
                SHA512.HashData(clientKey512),
                HMACSHA512.HashData(salted, "Server Key"u8),
                iterations
            );
        }
        byte[] clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        return new ScramCredentialImage(
            salt,
            SHA256.HashData(clientKey),
            HMACSHA256.HashData(salted, "Server Key"u8),
            iterations
        );
    }

    private static ApiError CheckDeletion(
        MetadataImage image,
        AlterUserScramCredentialsRequest.ScramCredentialDeletion deletion
    )
    {
        ApiError error = CheckKey(deletion.Name, deletion.Mechanism);
        if (error.IsError)
        {
            return error;
        }
        return image.ScramCredentials.ContainsKey(new ScramKey(deletion.Name, deletion.Mechanism))
            ? default
            : new ApiError(ErrorCode.ResourceNotFound, "Attempt to delete a user credential that does not exist");
    }

    private static ApiError CheckUpsertion(
        MetadataImage image,
        AlterUserScramCredentialsRequest.ScramCredentialUpsertion upsertion
    )
    {
        ApiError error = CheckKey(upsertion.Name, upsertion.Mechanism);
        if (error.IsError)
        {
            return error;
        }
        if (upsertion.Iterations < IterationsMin)
        {
            return new ApiError(ErrorCode.UnacceptableCredential, "Too few iterations");
        }
        if (upsertion.Iterations > IterationsMax)
        {
            return new ApiError(ErrorCode.UnacceptableCredential, "Too many iterations");
        }
        return MetadataVersions.HasScram(image.Features.MetadataVersion)
            ? default
            : new ApiError(ErrorCode.UnsupportedVersion, "The current metadata.version does not support SCRAM");
    }

    private static ApiError CheckKey(string name, sbyte mechanism)
    {
        if (name.Length == 0)
        {
            return new ApiError(ErrorCode.UnacceptableCredential, "Username must not be empty");
        }
        return mechanism is Sha256 or Sha512
            ? default
            : new ApiError(ErrorCode.UnsupportedSaslMechanism, "Unknown SCRAM mechanism");
    }

    /// <summary>The answer to DescribeUserScramCredentials from an image: mechanisms and iterations, never keys.</summary>
    public static DescribeUserScramCredentialsResponse Describe(
        MetadataImage image,
        DescribeUserScramCredentialsRequest request
    )
    {
        DescribeUserScramCredentialsResponse response = new() { Results = [], ErrorMessage = null };
        SortedDictionary<string, List<DescribeUserScramCredentialsResponse.CredentialInfo>> known = new(
            StringComparer.Ordinal
        );
        foreach ((ScramKey key, ScramCredentialImage credential) in image.ScramCredentials)
        {
            if (!known.TryGetValue(key.User, out var infos))
            {
                known[key.User] = infos = [];
            }
            infos.Add(
                new DescribeUserScramCredentialsResponse.CredentialInfo
                {
                    Mechanism = key.Mechanism,
                    Iterations = credential.Iterations,
                }
            );
        }
        List<string> asked = request.Users is { Count: > 0 } users
            ? [.. users.Select(static user => user.Name)]
            : [.. known.Keys];
        foreach (string name in asked.Distinct(StringComparer.Ordinal))
        {
            DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult result = new()
            {
                User = name,
                ErrorMessage = null,
                CredentialInfos = [],
            };
            if (asked.Count(other => other == name) > 1)
            {
                result.ErrorCode = (short)ErrorCode.DuplicateResource;
                result.ErrorMessage =
                    $"Cannot describe SCRAM credentials for the same user twice in a single request: {name}";
            }
            else if (known.TryGetValue(name, out var infos))
            {
                result.CredentialInfos = infos;
            }
            else
            {
                result.ErrorCode = (short)ErrorCode.ResourceNotFound;
                result.ErrorMessage = $"Attempt to describe a user credential that does not exist: {name}";
            }
            response.Results.Add(result);
        }
        return response;
    }
}
