using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading images with what belongs to them, in a number of queries that does not depend on the number of images.</summary>
internal static class ImageReads
{
    /// <summary>A page of the API is at most this long.</summary>
    private const int IdsPerQuery = 1000;

    public static async Task<Image?> FindAsync(DbConnection connection, string id, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(id))
            return null;
        var row = await connection.RowAsync<ImageRow>(
            $"SELECT {ImageRow.Columns} FROM images i WHERE i.id = @id AND i.status <> 'deleted'", new { id }, cancellationToken);
        return row is null ? null : (await CompleteAsync(connection, [row], cancellationToken))[0];
    }

    /// <summary>The images of some rows, in the rows' order.</summary>
    public static async Task<IReadOnlyList<Image>> CompleteAsync(DbConnection connection, IReadOnlyList<ImageRow> rows, CancellationToken cancellationToken)
    {
        var images = new List<Image>(rows.Count);
        foreach (var chunk in rows.Chunk(IdsPerQuery))
        {
            var dialect = Dialect.Of(connection);
            var ids = new DynamicParameters();
            ids.Add("ids", dialect.ManyTexts([.. chunk.Select(row => row.Id)]));
            var ofPage = dialect.AmongTexts("image_id", "@ids");
            var properties = (await connection.RowsAsync<PropertyRow>(
                $"SELECT image_id AS ImageId, name AS Name, value AS Value, position AS Position FROM image_properties WHERE {ofPage} ORDER BY position",
                ids, cancellationToken)).ToLookup(row => row.ImageId);
            var tags = (await connection.RowsAsync<TagRow>(
                $"SELECT image_id AS ImageId, tag AS Tag, position AS Position FROM image_tags WHERE {ofPage} ORDER BY position",
                ids, cancellationToken)).ToLookup(row => row.ImageId);
            var locations = (await connection.RowsAsync<LocationRow>(
                $"SELECT image_id AS ImageId, id AS Id, store AS Store, url AS Url, metadata AS Metadata, place AS Place FROM image_locations WHERE {ofPage} ORDER BY id",
                ids, cancellationToken)).ToLookup(row => row.ImageId);
            images.AddRange(chunk.Select(row => row.ToImage() with
            {
                Properties = [.. properties[row.Id].Select(property => KeyValuePair.Create(property.Name, property.Value))],
                Tags = [.. tags[row.Id].Select(tag => tag.Tag)],
                Locations = [.. locations[row.Id].Select(at => new ImageLocation(at.Id, at.Store, at.Url, LocationMetadata.Read(at.Metadata), at.Place))],
            }));
        }

        return images;
    }
}
